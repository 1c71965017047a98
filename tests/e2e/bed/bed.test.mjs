// The bed itself: each part starts and really works, and nothing that it started outlives it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isAlive, MissingPart, need, needOrSkip, run, runningPids, scratchFolder, stopAll, until } from './index.mjs';
import { launch } from './process.mjs';

const INDEX = fileURLToPath(new URL('index.mjs', import.meta.url));

after(stopAll);

const post = async (url, body) => {
	const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
	assert.equal(response.status, 200, await response.clone().text());
	return response.json();
};

const cosine = (a, b) => a.reduce((sum, value, index) => sum + value * b[index], 0);

test('Ollama answers, embeds, and two servers share the models', async (t) => {
	const bed = await needOrSkip(t, 'ollama', 'models');
	if (!bed) return;
	const { folder, tags } = await bed.models.install();
	const [one, two] = [
		await bed.ollama.start({ models: folder }),
		await bed.ollama.start({ models: folder, maxLoaded: 1 }),
	];
	assert.notEqual(one.url, two.url);

	const chat = await post(`${one.url}/api/chat`, {
		model: tags.smollm2,
		messages: [{ role: 'user', content: 'What is the capital of France? Answer in one short sentence.' }],
		stream: false,
		options: { temperature: 0, num_predict: 40 },
	});
	assert.equal(chat.done, true);
	assert.match(chat.message.content, /Paris/);
	t.diagnostic(
		`smollm2: ${chat.message.content.trim()} (${Math.round(chat.eval_count / (chat.eval_duration / 1e9))} tok/s)`,
	);

	const continued = await post(`${two.url}/api/generate`, {
		model: tags.gemma3,
		prompt: 'Germany: Berlin\nFrance: Paris\nItaly:',
		stream: false,
		options: { temperature: 0, stop: ['\n'], num_predict: 8 },
	});
	assert.match(continued.response, /Rome/);

	const { embeddings } = await post(`${one.url}/api/embed`, {
		model: tags.minilm,
		input: ['A kitten sleeps on the rug', 'A small cat naps on the carpet', 'Stock markets fell sharply today'],
	});
	const [cat, sameCat, markets] = embeddings;
	assert.equal(cat.length, 384);
	assert.ok(cosine(cat, sameCat) > cosine(cat, markets) + 0.3, `${cosine(cat, sameCat)} and ${cosine(cat, markets)}`);

	for (const server of [one, two]) {
		const { models } = await (await fetch(`${server.url}/api/tags`)).json();
		for (const tag of Object.values(tags))
			assert.ok(
				models.some(({ name }) => name === tag),
				`${server.url} has ${tag}`,
			);
	}
	for (const model of [tags.random1b, tags.randomTiny]) {
		const noise = await post(`${two.url}/api/generate`, {
			model,
			prompt: 'Hello',
			stream: false,
			options: { num_predict: 4 },
		});
		assert.ok(noise.eval_count > 0 && noise.load_duration > 0);
	}
	await Promise.all([one.stop(), two.stop()]);
	assert.deepEqual([isAlive(one.pid), isAlive(two.pid)], [false, false]);
});

test('Prometheus sees the metrics of node-exporter', async (t) => {
	const bed = await needOrSkip(t, 'prometheus');
	if (!bed) return;
	const exporter = await bed.prometheus.startNodeExporter();
	const prometheus = await bed.prometheus.start({
		targets: [{ job: 'node', address: exporter.address, labels: { rack: 'a' } }],
	});
	for (const metric of [
		'node_memory_MemAvailable_bytes',
		'node_load1',
		'node_cpu_seconds_total{mode="idle",cpu="0"}',
	]) {
		const [sample] = await until(metric, async () => {
			const samples = await prometheus.query(metric);
			return samples.length ? samples : null;
		});
		assert.equal(sample.metric.rack, 'a');
		assert.ok(Number(sample.value[1]) >= 0);
	}
	const missing = await prometheus.query('no_such_metric');
	assert.deepEqual(missing, []);
	await Promise.all([prometheus.stop(), exporter.stop()]);
	assert.deepEqual([isAlive(prometheus.pid), isAlive(exporter.pid)], [false, false]);
});

test('n8n runs a workflow from the command line and serves its editor session', async (t) => {
	const bed = await needOrSkip(t, 'n8n');
	if (!bed) return;
	const { node, command, version } = await bed.n8n.install();
	const trigger = {
		id: 't',
		name: 'Go',
		type: 'n8n-nodes-base.manualTrigger',
		typeVersion: 1,
		position: [0, 0],
		parameters: {},
	};
	const fields = {
		id: 's',
		name: 'Sum',
		type: 'n8n-nodes-base.set',
		typeVersion: 3.4,
		position: [200, 0],
		parameters: { assignments: { assignments: [{ id: 'a', name: 'sum', type: 'number', value: '={{ 20 + 22 }}' }] } },
	};
	const workflow = {
		id: 'bedsum',
		name: 'Sum',
		active: false,
		settings: {},
		nodes: [trigger, fields],
		connections: { Go: { main: [[{ node: 'Sum', type: 'main', index: 0 }]] } },
	};
	const probe = {
		id: 'p',
		name: 'Probe',
		type: 'n8n-nodes-bed-probe.probe',
		typeVersion: 1,
		position: [400, 0],
		parameters: {},
		credentials: { probeApi: { id: 'bedprobe00000001', name: 'Probe' } },
	};
	workflow.nodes.push(probe);
	workflow.connections.Sum = { main: [[{ node: 'Probe', type: 'main', index: 0 }]] };
	const n8n = await bed.n8n.start({
		packages: [probePackage()],
		credentials: [{ id: 'bedprobe00000001', name: 'Probe', type: 'probeApi', data: { baseUrl: 'http://127.0.0.1:1' } }],
		workflows: [workflow],
	});
	const { stdout } = await n8n.cli(['--version']);
	assert.ok(stdout.includes(version), stdout);
	assert.ok(node && command);

	const done = await n8n.execute('bedsum');
	assert.ok(done.ok, done.output);
	assert.equal(done.run.data.resultData.runData.Sum[0].data.main[0][0].json.sum, 42);

	assert.equal(done.run.data.resultData.runData.Probe[0].data.main[0][0].json.baseUrl, 'http://127.0.0.1:1');

	const server = await n8n.server();
	assert.equal((await fetch(`${server.url}/healthz/readiness`)).status, 200);
	const session = await server.session();
	assert.ok((await session.nodeTypes()).some(({ name }) => name === 'n8n-nodes-base.set'));
	const { executionId } = await session.run('bedsum', 'Go');
	assert.equal((await session.ended(executionId)).status, 'success');
	await server.stop();
	assert.equal(isAlive(server.pid), false);
});

/** A community package of one node, which answers with what its credential holds. */
function probePackage() {
	const folder = scratchFolder('probe');
	const write = (name, text) => {
		mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
		writeFileSync(path.join(folder, name), text);
	};
	write(
		'package.json',
		JSON.stringify({
			name: 'n8n-nodes-bed-probe',
			version: '1.0.0',
			n8n: { n8nNodesApiVersion: 1, nodes: ['dist/Probe.node.js'], credentials: ['dist/ProbeApi.credentials.js'] },
		}),
	);
	write(
		'dist/ProbeApi.credentials.js',
		`exports.ProbeApi = class {
    name = 'probeApi'; displayName = 'Probe API';
    properties = [{ displayName: 'Base URL', name: 'baseUrl', type: 'string', default: '' }];
  };`,
	);
	write(
		'dist/Probe.node.js',
		`exports.Probe = class {
    description = {
      displayName: 'Probe', name: 'probe', group: ['transform'], version: 1, description: 'Shows its credential',
      defaults: { name: 'Probe' }, inputs: ['main'], outputs: ['main'], properties: [],
      credentials: [{ name: 'probeApi', required: true }],
    };
    async execute() { return [[{ json: await this.getCredentials('probeApi') }]]; }
  };`,
	);
	return folder;
}

test('Chromium is found and starts', async (t) => {
	const bed = await needOrSkip(t, 'chromium');
	if (!bed) return;
	const { command, args } = await bed.chromium.install();
	const { stdout } = await run(command, [...args, '--dump-dom', 'data:text/html,<p>40 plus 2</p>'], {
		deadlineMs: 60_000,
	});
	assert.match(stdout, /<p>40 plus 2<\/p>/);
});

test('a server that ends early is reported with its log', async () => {
	const broken = launch({
		name: 'broken',
		command: process.execPath,
		args: ['-e', 'console.error("no such model folder"); process.exit(3)'],
		ready: /never/,
	});
	await assert.rejects(broken, /ended before it was ready \(code 3\)[\s\S]*no such model folder/);
});

test('a server that ignores SIGTERM is killed, with the processes it started', async () => {
	const script = `const { spawn } = require('node:child_process');
    process.on('SIGTERM', () => {});
    const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)']);
    console.log('child', child.pid);
    setInterval(() => {}, 1000);`;
	const server = await launch({
		name: 'stubborn',
		command: process.execPath,
		args: ['-e', script],
		ready: /child \d+/,
	});
	const child = Number(/child (\d+)/.exec(server.log())[1]);
	assert.deepEqual([isAlive(server.pid), isAlive(child)], [true, true]);
	await server.stop(200);
	await until('its child ends', () => !isAlive(child));
	assert.equal(isAlive(server.pid), false);
	assert.ok(!runningPids().includes(server.pid));
});

test('an unknown part is a mistake, a missing one a skip that says why', async () => {
	await assert.rejects(need('mainframe'), TypeError);
	assert.equal(new MissingPart('Ollama', 'no Go').message, 'skipped: needs Ollama (no Go)');
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL']) {
	test(`nothing is left of a fleet that is ended by ${signal}`, async (t) => {
		const bed = await needOrSkip(t, 'ollama', 'models', 'prometheus');
		if (!bed) return;
		if (signal === 'SIGKILL' && process.platform !== 'linux')
			return t.skip('only Linux ends the children of a killed process');
		const up = spawn(process.execPath, [INDEX, 'up'], { stdio: ['ignore', 'pipe', 'inherit'] });
		const exit = once(up, 'exit');
		let text = '';
		for await (const chunk of up.stdout) {
			text += chunk;
			if (text.includes('\n')) break;
		}
		const fleet = JSON.parse(text);
		assert.equal(fleet.ollama.length, 2);
		assert.equal(fleet.pids.length, 4);
		for (const url of fleet.ollama) assert.equal((await fetch(`${url}/api/version`)).status, 200);
		up.kill(signal);
		const [code] = await exit;
		assert.equal(code, { SIGINT: 130, SIGTERM: 143, SIGKILL: null }[signal]);
		await until('the fleet ends', () => fleet.pids.every((pid) => !isAlive(pid)));
	});
}
