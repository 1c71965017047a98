import assert from 'node:assert/strict';
import { test } from 'node:test';

import choice from '../dist-test/engine/choice.js';
import configuration from '../dist-test/engine/configuration.js';
import native from '../dist-test/engine/native.js';
import poolModule from '../dist-test/engine/pool.js';
import concurrency from '../dist-test/nodes/SmartAi/concurrency.js';

const { chooseEngine } = choice;
const { outdated } = native;
const { engineConfig, fleetHosts } = configuration;
const { EnginePool } = poolModule;
const { eachIndex } = concurrency;
const engine = (name) => ({
	name,
	closed: false,
	closings: 0,
	ask: async () => ({ ok: true, text: name }),
	async close() {
		this.closings += 1;
	},
});
/** A clock that stands still: nobody waits for it. */
const STILL = { now: () => 0, sleep: () => new Promise(() => {}) };
const config = { hosts: [{ url: 'http://a' }] };

test('auto takes native where it loads, otherwise WebAssembly; a forced choice does not fall back', async () => {
	const missing = { unavailable: 'no such file' };
	const makers = (native) => ({ native: async () => native, wasm: async () => engine('wasm') });
	assert.equal((await chooseEngine('auto', config, makers(engine('native')))).name, 'native');
	assert.equal((await chooseEngine('auto', config, makers(missing))).name, 'wasm');
	assert.equal(await chooseEngine('native', config, makers(missing)), missing);
	assert.equal((await chooseEngine('wasm', config, makers(engine('native')))).name, 'wasm');
});

test('a native package that is older than ours is not taken, and each answer says so', async () => {
	const reason = outdated('0.1.9', '0.2.0');
	assert.match(reason, /ai-model-dispatcher 0\.1\.9 is older than n8n-nodes-smart-ai 0\.2\.0 .*npm install/);
	for (const same of ['0.2.0', '0.2.1', '1.0.0', '0.10.0', '0.2.0-rc.1'])
		assert.equal(outdated(same, '0.2.0'), undefined);
	const makers = { native: async () => ({ unavailable: reason, tell: true }), wasm: async () => engine('wasm') };
	const chosen = await chooseEngine('auto', config, makers);
	assert.deepEqual(await chosen.ask({}), { ok: true, text: 'wasm', detour: reason });
	assert.equal(chosen.name, 'wasm');
});

test('a configuration that native refuses is not tried on WebAssembly', async () => {
	const makers = {
		native: async () => {
			throw new Error('hosts: name one');
		},
		wasm: async () => engine('wasm'),
	};
	await assert.rejects(chooseEngine('auto', config, makers), /hosts: name one/);
});

test('credentials become a configuration; empty and zero are left out', () => {
	const fleet = {
		hosts: {
			host: [
				{ name: ' pc ', url: ' http://pc:11434/ ', apiKey: 'k', parallel: 2, memoryGb: 0, username: '' },
				{ name: 'x', url: ' ' },
			],
		},
		models: 'a:1, b:2\nc',
		maxCpuPercent: 0,
		minFreeMemoryPercent: 10,
	};
	assert.deepEqual(engineConfig(fleet), {
		hosts: [{ id: 'pc', url: 'http://pc:11434', api_key: 'k', parallel: 2 }],
		models: ['a:1', 'b:2', 'c'],
		limits: { min_free_memory_percent: 10 },
	});
	assert.deepEqual(fleetHosts({ hosts: { host: [{ url: 'http://a' }] } }), [{ name: 'http://a', url: 'http://a' }]);
});

test('only the chosen way of authentication reaches Prometheus', () => {
	const secrets = { url: 'http://p/', username: 'u', password: 'p', token: 't' };
	const of = (authentication) => engineConfig({}, { ...secrets, authentication }).prometheus;
	assert.deepEqual(of('none'), { url: 'http://p' });
	assert.deepEqual(of('basic'), { url: 'http://p', username: 'u', password: 'p' });
	assert.deepEqual(of('bearer'), { url: 'http://p', bearer: 't' });
});

test('a changed credential replaces the engine, which closes when its last user leaves', async () => {
	const pool = new EnginePool(STILL);
	const [old, fresh] = [engine('old'), engine('fresh')];
	const first = await pool.lease('s', config, async () => old);
	const second = await pool.lease('s', config, async () => fresh);
	assert.equal(second.engine.name, 'old');
	const third = await pool.lease('s', { hosts: [{ url: 'http://b' }] }, async () => fresh);
	assert.equal(third.engine.name, 'fresh');
	first.release();
	first.release();
	await new Promise(setImmediate);
	assert.equal(old.closings, 0);
	second.release();
	await new Promise(setImmediate);
	assert.equal(old.closings, 1);
});

test('an engine that could not be made is made anew next time', async () => {
	const pool = new EnginePool(STILL);
	await assert.rejects(
		pool.lease('s', config, async () => {
			throw new Error('no');
		}),
		/no/,
	);
	assert.equal((await pool.lease('s', config, async () => engine('wasm'))).engine.name, 'wasm');
});

test('an engine that has ended is replaced by one new one, for those who hold it and for those who come', async () => {
	const pool = new EnginePool(STILL);
	const made = [];
	const make = async () => {
		made.push(engine(`engine ${made.length}`));
		return made.at(-1);
	};
	const [first, second] = [await pool.lease('s', config, make), await pool.lease('s', config, make)];
	made[0].closed = true;
	const leases = [first, second, await pool.lease('s', config, make)];
	const answers = await Promise.all(leases.map((lease) => lease.engine.ask({ prompt: 'x' })));
	assert.deepEqual(
		answers.map(({ text }) => text),
		['engine 1', 'engine 1', 'engine 1'],
	);
	assert.equal(made.length, 2);
	for (const lease of leases) lease.release();
	await new Promise(setImmediate);
	assert.deepEqual(
		made.map(({ closings }) => closings),
		[1, 0],
	);
});

test('what an engine throws is the answer to that ask; one that cannot be made is tried again', async () => {
	const pool = new EnginePool(STILL);
	const broken = engine('broken');
	broken.ask = async () => {
		broken.closed = true;
		throw new Error('unreachable');
	};
	const made = [broken];
	const { engine: held, release } = await pool.lease('s', config, async () => {
		if (made.length === 0) throw new Error('no memory left');
		return made.pop();
	});
	const first = await held.ask({ prompt: 'x' });
	assert.deepEqual([first.ok, first.error.code], [false, 'engine_failed']);
	assert.match(first.error.message, /unreachable/);
	assert.equal(held.learned, undefined);
	const second = await held.ask({ prompt: 'x' });
	assert.match(second.error.message, /no memory left/);
	made.push(engine('fresh'));
	assert.equal((await held.ask({ prompt: 'x' })).text, 'fresh');
	release();
});

test('an engine that nobody has used for a quarter of an hour closes, and the next lease makes another', async () => {
	let now = 0;
	const sleepers = [];
	const sleep = (ms) => new Promise((wake) => sleepers.push({ at: now + ms, wake }));
	const later = async (ms) => {
		now += ms;
		const due = sleepers.filter(({ at }) => at <= now);
		sleepers.splice(0, sleepers.length, ...sleepers.filter(({ at }) => at > now));
		for (const { wake } of due) wake();
		await new Promise(setImmediate);
	};
	const pool = new EnginePool({ now: () => now, sleep });
	const made = [];
	const lease = async () =>
		await pool.lease('s', config, async () => {
			made.push(engine(`engine ${made.length}`));
			return made.at(-1);
		});
	const minutes = 60_000;
	(await lease()).release();
	await later(14 * minutes);
	(await lease()).release();
	await later(1 * minutes);
	const held = await lease();
	await later(60 * minutes);
	assert.deepEqual([made.length, made[0].closings], [1, 0]);
	held.release();
	await later(15 * minutes);
	await later(15 * minutes);
	assert.equal(made[0].closings, 1);
	assert.equal((await lease()).engine.name, 'engine 1');
	assert.equal(sleepers.length, 0);
});

test('items run at most so many at a time, and the first failure stops the rest', async () => {
	let [running, most, stopped] = [0, 0, 0];
	const seen = [];
	const work = async (index) => {
		running += 1;
		most = Math.max(most, running);
		await new Promise(setImmediate);
		running -= 1;
		seen.push(index);
		if (index === 5) throw new Error('five');
	};
	await assert.rejects(
		eachIndex(100, 3, work, () => {
			stopped += 1;
		}),
		/five/,
	);
	assert.equal(most, 3);
	assert.equal(stopped, 1);
	assert.ok(seen.length < 10, `${seen.length} ran`);
});
