// Models that come and go by themselves, on a simulated and on a real Ollama: what is idle leaves, what others use
// stays, what is prepared is there before it is asked.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { after, test } from 'node:test';
import { freePort, needOrSkip, scratchFolder, stopAll, until } from '../bed/index.mjs';
import { build, startHost, startSidecar } from '../serve/sidecar.mjs';

after(stopAll);

/** A model is held ten seconds here, the least that there is. */
const SETTINGS = { wait_price: 0, min_resident_s: 0 };

/** A configuration file with this lifecycle. */
function configured(mode) {
	const file = path.join(scratchFolder('lifecycle'), 'smart-ai.toml');
	const lines = Object.entries(SETTINGS).map(([key, value]) => `${key} = ${key === 'wait_price' ? '0.0' : value}`);
	const hosts = '[[hosts]]\nurl = "http://127.0.0.1:1"';
	writeFileSync(file, `refresh_ms = 500\n${hosts}\n[lifecycle]\nmode = "${mode}"\n${lines.join('\n')}\n`);
	return ['--config', file];
}

const loaded = async (url) => (await (await fetch(`${url}/api/ps`)).json()).models.map(({ name }) => name);

const generate = async (url, body) => {
	const response = await fetch(`${url}/api/generate`, { method: 'POST', body: JSON.stringify(body) });
	assert.equal(response.status, 200);
	return response.json();
};

const prepare = async (url, wish) => {
	const headers = { 'content-type': 'application/json' };
	return (await fetch(`${url}/smart-ai/prepare`, { method: 'POST', headers, body: JSON.stringify(wish) })).json();
};

const told = async (sidecar) => (await fetch(`${sidecar.proxy}/smart-ai/lifecycle`)).json();

/** The sidecar before this host; it acts. */
async function acting(program, url, mode = 'on') {
	const sidecar = await startSidecar(program, { pc: url }, configured(mode));
	await until('the first look', async () => (await sidecar.scrape()).sum('ollama_up') === 1);
	return sidecar;
}

async function comesAndGoes(program, url, model) {
	const sidecar = await acting(program, url);
	assert.deepEqual(await loaded(url), []);
	const prepared = await prepare(sidecar.proxy, { model });
	assert.deepEqual([prepared.ok, prepared.state, prepared.host], [true, 'loaded', 'pc'], JSON.stringify(prepared));
	assert.deepEqual(await loaded(url), [model], 'in memory before anybody asks');
	const answer = await generate(sidecar.proxy, { model, prompt: 'Hi', stream: false, options: { num_predict: 2 } });
	assert.equal(answer.done, true);
	// Another client, straight at the host: the model is used every few seconds for longer than it is held.
	const until_ms = Date.now() + 14_000;
	while (Date.now() < until_ms) {
		await generate(url, { model, prompt: 'Hi', stream: false, options: { num_predict: 2 } });
		await until('a look after it', async () => (await told(sidecar)).models[0]?.idle_s < 3);
		assert.deepEqual(await loaded(url), [model], 'in use by somebody else');
	}
	await until('the idle model to leave', async () => (await loaded(url)).length === 0, { deadlineMs: 60_000 });
	const seen = await until('the unload to be told', async () => {
		const now = await sidecar.scrape();
		return now.sum('ai_optimization_actions_total', { action: 'unload', outcome: 'ok' }) === 1 && now;
	});
	assert.equal(seen.sum('ai_optimization_actions_total', { action: 'unload', outcome: 'failed' }), 0);
	assert.ok(seen.sum('smart_ai_saved_gb_hours', { against: 'always_on' }) > 0);
	const { actions } = await told(sidecar);
	assert.match(actions[0].reason, new RegExp(`^${model} leaves pc: .* to load, last used 1\\d s ago$`));
	return sidecar;
}

test('on a simulated host what is idle leaves, what others use stays, and the command tells why', async () => {
	const program = build();
	const host = await startHost(program, {
		models: [{ name: 'm:latest', prefill_tok_per_s: 2000, decode_tok_per_s: 500, load_s: 0.5 }],
	});
	const sidecar = await comesAndGoes(program, host.url, 'm:latest');
	await prepare(sidecar.proxy, { model: 'm:latest' });
	const lifecycle = (...args) =>
		spawnSync(program('smart-ai'), ['lifecycle', ...args, '--sidecar', sidecar.proxy], { encoding: 'utf8' });
	const status = lifecycle('status');
	assert.match(status.stdout, /^lifecycle on; this sidecar acts; 1 of 60 actions/, status.stderr);
	assert.match(status.stdout, /\npc +m:latest .*held 10 s after its last use, by what its load is worth\n/);
	assert.match(lifecycle('plan').stdout, /^in \d+ s: m:latest leaves pc: /);
	assert.equal(JSON.parse(lifecycle('status', '--json').stdout).mode, 'on');
});

test('of two sidecars one acts, and the other takes over', async () => {
	const program = build();
	const host = await startHost(program, { models: [{ name: 'm:latest', load_s: 0.1 }] });
	const first = await acting(program, host.url);
	await until('the first to act', async () => (await told(first)).standby === null);
	const second = await acting(program, host.url);
	await until('the second to stand by', async () => /smart-ai serve, process/.test((await told(second)).standby ?? ''));
	await first.stop();
	await until('the second to act', async () => (await told(second)).standby === null);
});

test('a dry run says what it would do and does nothing', async () => {
	const program = build();
	const host = await startHost(program, { models: [{ name: 'm:latest', load_s: 0.1 }] });
	const sidecar = await acting(program, host.url, 'dry-run');
	await prepare(sidecar.proxy, { model: 'm:latest' });
	await until('the decision', async () => (await told(sidecar)).actions[0]?.outcome === 'dry_run', {
		deadlineMs: 60_000,
	});
	assert.deepEqual(await loaded(host.url), ['m:latest']);
});

test("a host that sleeps is started by its owner's command, and stopped by another", async () => {
	const program = build();
	const [port, folder] = [await freePort(), scratchFolder('command')];
	const [config, pid] = [path.join(folder, 'host.json'), path.join(folder, 'pid')];
	writeFileSync(config, JSON.stringify({ models: [{ name: 'm:latest', load_s: 0.1 }], port }));
	const begin = `${program('fake-ollama')} --config ${config} >/dev/null 2>&1 & echo $! > ${pid}`;
	const [start, stop] = [
		['sh', '-c', begin],
		['sh', '-c', `kill $(cat ${pid})`],
	].map((list) => JSON.stringify(list));
	const file = path.join(folder, 'smart-ai.toml');
	writeFileSync(
		file,
		`refresh_ms = 500
[[hosts]]
id = "nas"
url = "http://127.0.0.1:${port}"
start = { command = ${start}, stop_command = ${stop}, exclusive = true, min_up_s = 0 }
[lifecycle]
mode = "on"
wait_price = 0.0
min_resident_s = 0
`,
	);
	const sidecar = await startSidecar(program, {}, ['--config', file]);
	const state = async () => (await told(sidecar)).hosts[0].state;
	await until('the first look', async () => (await state()) === 'asleep');
	const ready = await fetch(`${sidecar.proxy}/smart-ai/ready`);
	assert.deepEqual([ready.status, (await ready.json()).asleep], [200, ['nas']], 'asleep is not down');
	const auto = await generate(sidecar.proxy, { model: 'auto', prompt: 'Hi', stream: false });
	assert.equal(auto.done, true);
	assert.equal(await state(), 'up');
	await until('its stop', async () => (await state()) === 'asleep', { deadlineMs: 60_000 });
	const { models } = await (await fetch(`${sidecar.proxy}/api/tags`)).json();
	assert.ok(
		models.some(({ name }) => name === 'm:latest'),
		'what it has is listed while it sleeps',
	);
	const { actions } = await told(sidecar);
	assert.match(actions[0].reason, /^nas stops: 0\.5 GB, \d+ s to start, last used \d+ s ago$/);
});

test('a model that is prepared on a host of Sablier renews its session', async (t) => {
	const program = build();
	const host = await startHost(program, { models: [{ name: 'm:latest', load_s: 0.1 }] });
	const asked = [];
	const sablier = createServer((incoming, outgoing) => {
		asked.push(incoming.url);
		outgoing.writeHead(200, { 'x-sablier-session-status': 'ready' }).end('{}');
	});
	t.after(() => sablier.close());
	await once(sablier.listen(0, '127.0.0.1'), 'listening');
	const file = path.join(scratchFolder('sablier'), 'smart-ai.toml');
	const start = `start = { sablier = "http://127.0.0.1:${sablier.address().port}", group = "models" }`;
	writeFileSync(file, `[[hosts]]\nid = "nas"\nurl = "${host.url}"\n${start}\n[lifecycle]\nmode = "on"\n`);
	const sidecar = await startSidecar(program, {}, ['--config', file]);
	await until('the first look', async () => (await sidecar.scrape()).sum('ollama_up') === 1);
	assert.deepEqual(asked, [], 'nobody uses it');
	assert.equal((await prepare(sidecar.proxy, { model: 'm:latest' })).ok, true);
	await until('a session', () => asked.length > 0);
	assert.match(asked[0], /^\/api\/strategies\/blocking\?group=models&session_duration=600s/);
});

test('on a real Ollama what is idle leaves, what others use stays', { timeout: 900_000 }, async (t) => {
	const bed = await needOrSkip(t, 'ollama', 'models');
	if (!bed) return;
	const { folder, tags } = await bed.models.install();
	const host = await bed.ollama.start({ models: folder });
	await comesAndGoes(build(), host.url, tags.smollm2);
});
