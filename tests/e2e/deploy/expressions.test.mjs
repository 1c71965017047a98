// Every expression of the dashboards, the rules and the alerts returns data: on a real Prometheus that scrapes
// `smart-ai serve` before simulated hosts, a real node-exporter, and synthetic series for what this machine cannot
// have.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { root, target } from '../../../paths.mjs';
import { freePort, needOrSkip, scratchFolder, stopAll, until } from '../bed/index.mjs';
import { launch } from '../bed/process.mjs';
import { startHost } from '../faults/host.mjs';
import { alerts, ruleFiles, rules } from './alerts.mjs';
import { expressions, metricsIn, withVariables } from './dashboards.mjs';
import { startSynthetic } from './synthetic.mjs';

const SMALL = 'small:1b';
const LARGE = 'large:8b';
const closing = [];

after(async () => {
	await Promise.all(closing.map((close) => close()));
	await stopAll();
});

/** Hosts of which one holds a single model at a time, so that models push each other out; and one that is not there. */
async function fleet() {
	const model = (name, size_gb) => ({
		name,
		size_gb,
		prefill_tok_per_s: 4000,
		decode_tok_per_s: 400,
		load_s: 0.3,
		output_tokens: 20,
	});
	const tight = await startHost({ memory_gb: 6, models: [model(SMALL, 2), model(LARGE, 4)] });
	const small = await startHost({ memory_gb: 6, models: [model(SMALL, 2)] });
	closing.push(
		() => tight.stop(),
		() => small.stop(),
	);
	return { tight, small };
}

/** The rules as shipped, but evaluated each second: nobody waits for half a minute. */
function quickRules() {
	const folder = scratchFolder('rules');
	return ruleFiles.map((file) => {
		const quick = path.join(folder, path.basename(file));
		writeFileSync(quick, readFileSync(file, 'utf8').replace(/interval: \d+s/g, 'interval: 1s'));
		return quick;
	});
}

async function startServe(hosts, exporter, prometheus) {
	const config = path.join(scratchFolder('serve'), 'smart-ai.toml');
	const host = ([id, url]) => `[[hosts]]\nid = "${id}"\nurl = "${url}"\ninstance = "${exporter}"\nmax_loaded = 1\n`;
	const rest = `[prometheus]\nurl = "${prometheus}"\n[lifecycle]\nmode = "dry-run"\n`;
	writeFileSync(config, `${Object.entries(hosts).map(host).join('\n')}\n${rest}`);
	const server = await launch({
		name: 'smart-ai serve',
		command: path.join(target, 'debug', 'smart-ai'),
		args: [
			'--config',
			config,
			'serve',
			'--metrics',
			'127.0.0.1:0',
			'--proxy',
			'127.0.0.1:0',
			'--poll',
			'0.2',
			'--json',
		],
		ready: /"proxy":/,
	});
	return JSON.parse(
		server
			.log()
			.split('\n')
			.find((line) => line.includes('"proxy":')),
	);
}

/** Clients that ask for what is there, and for what is not; until `stop()`. */
function traffic(proxy, { small }) {
	let asking = true;
	const ask = async (model, options = {}, agent = 'n8n') => {
		const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Say hello.' }], stream: true, options });
		const response = await fetch(`${proxy}/api/chat`, {
			method: 'POST',
			headers: { 'user-agent': agent, 'content-type': 'application/json' },
			body,
		});
		await response.text();
	};
	const caller = async () => {
		for (let number = 0; asking; number++) {
			if (number % 10 === 3) await small.fault({ kind: 'busy', count: 1 });
			await ask(['auto', SMALL, LARGE, 'auto:fast'][number % 4]);
			if (number % 10 === 5) await ask('nowhere:1b', {}, 'curl/8');
		}
	};
	const callers = [caller(), caller()];
	const stop = () => {
		asking = false;
		return Promise.all(callers);
	};
	return { stop };
}

test('every expression returns data', async (t) => {
	const bed = await needOrSkip(t, 'prometheus');
	if (!bed) return;
	const built = spawnSync('cargo', ['build', '--locked', '--quiet', '-p', 'smart-ai', '-p', 'smart-ai-sim'], {
		cwd: root,
		env: { ...process.env, CARGO_TARGET_DIR: target },
		stdio: 'inherit',
	});
	assert.equal(built.status, 0);
	const hosts = await fleet();
	const exporter = await bed.prometheus.startNodeExporter();
	const synthetic = await startSynthetic();
	closing.push(() => synthetic.stop());
	const port = await freePort();
	const gone = `http://127.0.0.1:${await freePort()}`;
	const served = await startServe(
		{ tight: hosts.tight.url, small: hosts.small.url, gone },
		exporter.address,
		`http://127.0.0.1:${port}`,
	);
	const prometheus = await bed.prometheus.start({
		port,
		rules: quickRules(),
		targets: [
			{ job: 'smart-ai', url: served.metrics },
			{ job: 'node', address: exporter.address },
			{ job: 'synthetic', address: synthetic.address },
		],
	});
	const clients = traffic(served.proxy, hosts);

	const recorded = rules
		.filter(({ record }) => record)
		.map(({ record }) => ({ where: `rule ${record}`, expr: record }));
	const watched = alerts.flatMap(({ alert, expr }) =>
		metricsIn(expr).map((metric) => ({ where: `alert ${alert}`, expr: metric })),
	);
	const shown = expressions
		.filter(({ mark }) => !mark)
		.map(({ where, expr }) => ({ where, expr: withVariables(expr, '30s') }));
	// A mark is drawn only where something happens: what it watches must be there.
	const marked = expressions
		.filter(({ mark }) => mark)
		.flatMap(({ where, expr }) => metricsIn(expr).map((metric) => ({ where, expr: metric })));
	let missing = [...recorded, ...watched, ...shown, ...marked];
	const count = missing.length;
	const withoutData = async ({ expr }) => (await prometheus.query(expr)).length === 0;
	await until(
		'data for every expression',
		async () => {
			const still = [];
			for (const one of missing) if (await withoutData(one)) still.push(one);
			missing = still;
			return missing.length === 0;
		},
		{ deadlineMs: 90_000, everyMs: 1000 },
	).catch(() => {});
	await clients.stop();
	assert.deepEqual(missing, [], `${missing.length} of ${count} expressions return nothing`);
});
