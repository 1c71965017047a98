// The daily-digest template in a real n8n: on real Ollama servers with real metrics, or on simulated hosts.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import path from 'node:path';
import { launch, need, stopAll } from '../bed/index.mjs';
import { root, target } from '../../../paths.mjs';

const PACKAGE = path.join(root, 'n8n-node');
/** The native engine, beside it. */
const ADDON = path.join(root, 'node-addon');
export const FLEET = 'fleet00000000001';
const METRICS = 'metrics000000001';

const ENTRIES = [
	[
		'City opens new bridge',
		'After three years of work the city opened a bridge across the river on Monday. It carries trams, bicycles ' +
			'and walkers, but no cars. The mayor expects ten thousand crossings a day.',
	],
	[
		'Storm closes mountain pass',
		'A storm brought forty centimetres of snow to the mountain pass on Sunday night. The road stays closed until ' +
			'Wednesday. Drivers are asked to take the valley route, which takes an hour longer.',
	],
	[
		'Library lends tools',
		'The town library now lends drills, ladders and sewing machines beside books. Members may keep a tool for a ' +
			'week. The idea came from a survey in which most people said they use a drill once a year.',
	],
	[
		'Bakers switch to night power',
		'Several bakeries moved their ovens to hours when electricity is cheap. One owner says the change saves a ' +
			'fifth of the bill, and the bread is fresher in the morning.',
	],
];

/** A feed of four short articles on loopback. */
export async function startFeed() {
	const item = ([title, text], index) =>
		`<item><title>${title}</title><link>http://127.0.0.1/${index}</link><description>${text}</description></item>`;
	const page =
		'<?xml version="1.0"?><rss ' +
		`version="2.0"><channel><title>News</title>${ENTRIES.map(item).join('')}</channel></rss>`;
	const server = createServer((_, response) => response.setHeader('content-type', 'application/rss+xml').end(page));
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	server.unref();
	return { url: `http://127.0.0.1:${server.address().port}/`, entries: ENTRIES.length, stop: () => server.close() };
}

/** Two real Ollama servers that share real models, Prometheus and node-exporter. */
export async function startRealFleet() {
	const [ollama, models, prometheus] = [await need('ollama'), await need('models'), await need('prometheus')];
	const { folder, tags } = await models.install();
	const options = { models: folder, env: { OLLAMA_NOPRUNE: '1' } };
	const hosts = [await ollama.start(options), await ollama.start({ ...options, maxLoaded: 1 })];
	const exporter = await prometheus.startNodeExporter();
	const metrics = await prometheus.start({
		scrapeIntervalSeconds: 1,
		targets: [{ job: 'node', address: exporter.address }],
	});
	return { simulated: false, hosts: named(hosts), models: [tags.smollm2], metrics, exporter };
}

/** Two simulated hosts; no metrics. */
export async function startSimulatedFleet() {
	const env = { ...process.env, CARGO_TARGET_DIR: target };
	const built = spawnSync('cargo', ['build', '--locked', '--quiet', '--package', 'smart-ai-sim'], {
		cwd: root,
		env,
		stdio: 'inherit',
	});
	if (built.status !== 0)
		throw new Error('the simulated hosts could not be built: is Rust installed (https://rustup.rs)?');
	const command = path.join(target, 'debug', 'fake-ollama');
	const hosts = [];
	for (const speed of ['120:15:2', '60:8:4']) {
		const args = ['--port', '0', '--model', `phi3:mini:2.3:${speed}`];
		const host = await launch({ name: 'simulated Ollama', command, args, ready: /"url"/ });
		hosts.push(
			JSON.parse(
				host
					.log()
					.split('\n')
					.find((line) => line.includes('"url"')),
			),
		);
	}
	return { simulated: true, hosts: named(hosts), models: ['phi3:mini'], metrics: null };
}

const named = (hosts) => hosts.map(({ url }, index) => ({ name: ['pc', 'nas'][index], url }));

/** The template as it is shipped, with this feed, these credentials and this engine. */
export function digestWorkflow({ id, feed, engine, metrics, change = {} }) {
	const workflow = JSON.parse(readFileSync(path.join(PACKAGE, 'templates', 'daily-digest.json'), 'utf8'));
	for (const node of workflow.nodes) {
		if (node.name === 'Settings')
			node.parameters.assignments.assignments.find(({ name }) => name === 'feed').value = feed;
		if (node.name !== 'Summarize Entry') continue;
		Object.assign(node.parameters, { task: 'summarize', ...change });
		node.parameters.options = { ...node.parameters.options, engine, decision: 'full', maxTokens: 60 };
		node.credentials = { smartAiFleetApi: { id: FLEET, name: 'Fleet' } };
		if (metrics) node.credentials.smartAiPrometheusApi = { id: METRICS, name: 'Metrics' };
	}
	return { ...workflow, id, name: `Daily digest (${id})`, settings: workflow.settings ?? {}, active: false };
}

/** n8n with the package, the fleet's credentials and these workflows. */
export async function startN8n(fleet, workflows) {
	if (!existsSync(path.join(PACKAGE, 'dist', 'nodes'))) throw new Error('n8n-node is not built: run `npm run build`');
	const credentials = [
		{
			id: FLEET,
			name: 'Fleet',
			type: 'smartAiFleetApi',
			data: { hosts: { host: fleet.hosts }, models: fleet.models.join(',') },
		},
	];
	if (fleet.metrics) {
		const data = { url: fleet.metrics.url, authentication: 'none', scrapeInterval: 1 };
		credentials.push({ id: METRICS, name: 'Metrics', type: 'smartAiPrometheusApi', data });
	}
	return await (await need('n8n')).start({ packages: [PACKAGE, ADDON], credentials, workflows });
}

/** What one node put out in a run. */
export const outputOf = ({ run }, node) =>
	run.data.resultData.runData[node]?.[0]?.data?.main?.[0]?.map(({ json }) => json) ?? [];

export { stopAll };
