// Hosts that sleep in containers of a real Docker Engine: started for who waits, stopped when idle, and never in doubt.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { freePort, needOrSkip, scratchFolder, stopAll, until } from '../bed/index.mjs';
import { build, startSidecar } from '../serve/sidecar.mjs';
import { imageOf, NAME, startProxy } from './engine.mjs';

after(stopAll);

const BOTH = ['smart-ai.manage=true', 'smart-ai.exclusive=true'];
const SLOW = 60_000;

/** An engine with a proxy before it; `create` makes a container that does not run yet. */
async function startEngine(t, bed) {
	const engine = await bed.docker.start();
	t.after(engine.stop);
	const proxy = await startProxy(engine.socket);
	t.after(proxy.close);
	const create = async (image, { labels = BOTH, flags = [], args = [] } = {}) => {
		const marks = labels.flatMap((label) => ['--label', label]);
		await engine.docker(['create', '--name', NAME, '--network', 'host', ...marks, ...flags, image, ...args]);
	};
	const inspect = async (format) => (await engine.docker(['inspect', '--format', format, NAME])).stdout.trim();
	const runs = async () => (await inspect('{{.State.Running}}')) === 'true';
	return { ...engine, proxy, create, runs, inspect };
}

/** A sidecar before one host that sleeps; models and hosts are held ten seconds, the least that there is. */
async function acting(program, url, engine, start = '') {
	const file = path.join(scratchFolder('containers'), 'smart-ai.toml');
	writeFileSync(
		file,
		`refresh_ms = 500
[[hosts]]
id = "box"
url = "${url}"
[hosts.start]
container = "${NAME}"
engine = "${engine}"
start_s = 3.0
min_up_s = 0
exclusive = true
${start}
[lifecycle]
mode = "on"
wait_price = 0.0
min_resident_s = 0
`,
	);
	const sidecar = await startSidecar(program, {}, ['--config', file]);
	const told = async () => (await fetch(`${sidecar.proxy}/smart-ai/lifecycle`)).json();
	const box = async () => (await told()).hosts[0];
	const state = (wanted) =>
		until(`box to be ${wanted}`, async () => (await box()).state === wanted, { deadlineMs: SLOW });
	return { ...sidecar, told, box, state };
}

const generate = async (url, body) => {
	const options = { num_predict: 2, ...body.options };
	const sent = JSON.stringify({ prompt: 'Hi', stream: false, ...body, options });
	const response = await fetch(`${url}/api/generate`, { method: 'POST', body: sent });
	return { status: response.status, ...(await response.json()) };
};

const prepare = async (url, wish) => {
	const headers = { 'content-type': 'application/json' };
	return (await fetch(`${url}/smart-ai/prepare`, { method: 'POST', headers, body: JSON.stringify(wish) })).json();
};

const said = ({ actions }) => actions.map(({ action, outcome }) => `${action} ${outcome}`);

/** What was done to the host itself. */
const powered = (told) => said(told).filter((action) => /^(start|stop) /.test(action));

/** A simulated Ollama in a container, and where it listens. */
async function simulated(program, engine, { models = [{ name: 'm:latest', load_s: 0.1 }], ...options } = {}) {
	const port = await freePort();
	const folder = scratchFolder('fake');
	writeFileSync(path.join(folder, 'host.json'), JSON.stringify({ models, port }));
	const image = await imageOf(engine.docker, 'fake-ollama', program('fake-ollama'), ['--config', '/host/host.json']);
	await engine.create(image, { flags: ['--volume', `${folder}:/host:ro`], ...options });
	return `http://127.0.0.1:${port}`;
}

test('the first request starts a real Ollama, which is stopped when idle and started again', {
	timeout: 900_000,
}, async (t) => {
	const bed = await needOrSkip(t, 'docker', 'ollama', 'models');
	if (!bed) return;
	const { folder, tags } = await bed.models.install();
	const { command } = await bed.ollama.install();
	const engine = await startEngine(t, bed);
	const port = await freePort();
	const image = await imageOf(engine.docker, 'ollama', command, ['serve']);
	const environment = { OLLAMA_HOST: `127.0.0.1:${port}`, OLLAMA_MODELS: '/models', OLLAMA_NOPRUNE: '1', HOME: '/tmp' };
	const flags = Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
	await engine.create(image, { flags: [...flags, '--volume', `${folder}:/models`] });
	const program = build();
	const url = `http://127.0.0.1:${port}`;
	const sidecar = await acting(program, url, engine.proxy.url);
	await sidecar.state('asleep');
	const asked = { model: tags.smollm2 };
	const [first, second] = await Promise.all([generate(sidecar.proxy, asked), generate(sidecar.proxy, asked)]);
	assert.deepEqual([first.status, first.done, second.status], [200, true, 200], JSON.stringify(first));
	assert.deepEqual(powered(await sidecar.told()), ['start ok'], 'one start for both');
	const status = spawnSync(program('smart-ai'), ['lifecycle', 'status', '--sidecar', sidecar.proxy], {
		encoding: 'utf8',
	});
	assert.match(status.stdout, /\nbox +up .*models are in its memory\n/, status.stdout + status.stderr);
	// Another client, straight at the host: it answers to its end.
	const prompt = 'Write a very long story about a lighthouse, chapter by chapter.';
	const foreign = await generate(url, { ...asked, prompt, options: { num_predict: 1_000 } });
	assert.deepEqual([foreign.status, foreign.done], [200, true]);
	t.diagnostic(
		`another client's answer of ${foreign.eval_count} tokens took ${Math.round(foreign.total_duration / 1e9)} s`,
	);
	await sidecar.state('asleep');
	assert.equal(await engine.runs(), false);
	assert.equal(await engine.inspect('{{.State.OOMKilled}} {{.State.ExitCode}}'), 'false 0', 'it ended by itself');
	assert.deepEqual(powered(await sidecar.told()), ['stop ok', 'start ok']);
	assert.ok(said(await sidecar.told()).includes('unload ok'), 'its model left before');
	// Once more, and a request that comes while it stops.
	assert.equal((await generate(sidecar.proxy, asked)).status, 200);
	const release = engine.proxy.hold();
	await sidecar.state('stopping');
	const during = generate(sidecar.proxy, asked);
	await until('the request', async () => (await sidecar.scrape()).sum('ollama_queue_depth') > 0);
	release();
	assert.deepEqual([(await during).status, (await during).done], [200, true], 'it waited for the stop, and a start');
	assert.deepEqual(engine.proxy.refused, [], 'all it asked the engine for is what the stack allows');
	const starts = (page) => page.sum('ai_optimization_actions_total', { action: 'start', outcome: 'ok' });
	await until('three starts on the metrics page', async () => starts(await sidecar.scrape()) === 3);
	assert.equal((await sidecar.scrape()).sum('smart_ai_host_power', { host: 'box', state: 'up' }), 1);
});

test('what another client asks is never cut, however long it takes', { timeout: 300_000 }, async (t) => {
	const bed = await needOrSkip(t, 'docker');
	if (!bed) return;
	const [program, engine] = [build(), await startEngine(t, bed)];
	const models = [{ name: 'm:latest', load_s: 0.1, decode_tok_per_s: 1 }];
	const url = await simulated(program, engine, { models });
	const sidecar = await acting(program, url, engine.proxy.url);
	assert.equal((await generate(sidecar.proxy, { model: 'm:latest' })).error, undefined);
	// Twice as long as models and hosts are held.
	const began = Date.now();
	const foreign = await generate(url, { model: 'm:latest', options: { num_predict: 40 } });
	assert.deepEqual([foreign.status, foreign.done], [200, true]);
	assert.ok(Date.now() - began > 20_000, `${foreign.eval_count} tokens`);
	assert.deepEqual(powered(await sidecar.told()), ['start ok']);
	assert.equal(await engine.runs(), true);
	await sidecar.state('asleep');
});

test('a container whose owner does not say that nobody else uses it is not stopped', {
	timeout: 300_000,
}, async (t) => {
	const bed = await needOrSkip(t, 'docker');
	if (!bed) return;
	const [program, engine] = [build(), await startEngine(t, bed)];
	const url = await simulated(program, engine, { labels: ['smart-ai.manage=true'] });
	const sidecar = await acting(program, url, engine.proxy.url);
	assert.equal((await generate(sidecar.proxy, { model: 'm:latest' })).error, undefined);
	await until('the refusal', async () => said(await sidecar.told())[0] === 'stop bad_request', { deadlineMs: SLOW });
	assert.equal(await engine.runs(), true);
	assert.equal((await generate(sidecar.proxy, { model: 'm:latest' })).status, 200, 'it serves on');
});

test('engine gone, container killed: no stop on doubt, and whoever asks is answered', {
	timeout: 300_000,
}, async (t) => {
	const bed = await needOrSkip(t, 'docker');
	if (!bed) return;
	const [program, engine] = [build(), await startEngine(t, bed)];
	const models = [{ name: 'm:latest', load_s: 0.1, decode_tok_per_s: 20 }];
	const url = await simulated(program, engine, { models });
	const sidecar = await acting(program, url, engine.proxy.url);
	assert.equal((await generate(sidecar.proxy, { model: 'm:latest' })).error, undefined);
	const answer = generate(sidecar.proxy, { model: 'm:latest', options: { num_predict: 60 } });
	await until('the call', async () => (await sidecar.scrape()).sum('ollama_requests_in_flight') > 0);
	await engine.docker(['kill', NAME]);
	const { status, done } = await answer;
	assert.deepEqual([status, done], [200, true], 'it is started again for the answer that broke off');
	engine.proxy.close();
	await until('the stop that fails', async () => said(await sidecar.told())[0] === 'stop unreachable', {
		deadlineMs: SLOW,
	});
	assert.equal(await engine.runs(), true);
	assert.equal((await generate(sidecar.proxy, { model: 'm:latest' })).error, undefined);
});

test('a start that fails, and one after which nothing answers, are told as what they are', {
	timeout: 300_000,
}, async (t) => {
	const bed = await needOrSkip(t, 'docker');
	if (!bed) return;
	const [program, engine] = [build(), await startEngine(t, bed)];
	const nowhere = `http://127.0.0.1:${await freePort()}`;
	const missing = await acting(program, nowhere, engine.proxy.url);
	const wish = { model: 'm:latest' };
	const told = async (sidecar) => {
		const { ok, error } = await prepare(sidecar.proxy, wish);
		assert.equal(ok, false);
		return error.message;
	};
	assert.match(await told(missing), new RegExp(`cannot be started: the container engine knows no container ${NAME}`));
	await simulated(program, engine, { args: ['--no-such-flag'] });
	assert.match(
		await told(await acting(program, nowhere, engine.proxy.url)),
		/cannot be started: the container .* has ended with code 2/,
	);
	await engine.docker(['rm', NAME]);
	await simulated(program, engine);
	const silent = await acting(program, nowhere, engine.proxy.url, 'ready_timeout_s = 3');
	assert.match(await told(silent), /cannot be started: it was started and does not answer after 3 s/);
	await engine.docker(['rm', '--force', NAME]);
	await simulated(program, engine, { labels: [] });
	assert.match(await told(await acting(program, nowhere, engine.proxy.url)), /lacks the label smart-ai.manage=true/);
	assert.equal(await engine.runs(), false);
	assert.deepEqual(engine.proxy.refused, []);
});

test('of two managers of one container one stops it, whoever asked, and the other takes over', {
	timeout: 300_000,
}, async (t) => {
	const bed = await needOrSkip(t, 'docker');
	if (!bed) return;
	const [program, engine] = [build(), await startEngine(t, bed)];
	const url = await simulated(program, engine);
	const standby = async (sidecar) => (await sidecar.told()).standby;
	const first = await acting(program, url, engine.proxy.url);
	await until('the first to act', async () => (await standby(first)) === null);
	const second = await acting(program, url, engine.proxy.url);
	await until('the second to stand by', async () => (await standby(second)) !== null);
	await Promise.all([first.state('asleep'), second.state('asleep')]);
	const asked = { model: 'm:latest' };
	const both = await Promise.all([generate(first.proxy, asked), generate(second.proxy, asked)]);
	assert.deepEqual(
		both.map(({ status, done }) => [status, done]),
		[
			[200, true],
			[200, true],
		],
		'who waits is answered by either',
	);
	const stops = () => engine.proxy.asked.filter((line) => /^POST .*\/stop(\?|$)/.test(line)).length;
	await Promise.all([first.state('asleep'), second.state('asleep')]);
	assert.deepEqual(
		[stops(), powered(await second.told()).includes('stop ok')],
		[1, false],
		'the one that acts stops it',
	);
	assert.equal(await engine.runs(), false);
	process.kill(first.pid, 'SIGKILL');
	await until('the second to act', async () => (await standby(second)) === null);
	assert.equal((await generate(second.proxy, asked)).status, 200);
	await second.state('asleep');
	assert.deepEqual([stops(), powered(await second.told())[0]], [2, 'stop ok']);
});
