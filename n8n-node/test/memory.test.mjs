import assert from 'node:assert/strict';
import { test } from 'node:test';

import memory from '../dist-test/engine/memory.js';

const { compact, WorkflowMemory } = memory;
const mean = (updated) => ({ weight: 1, mean_ln: 3, var_ln: 0, updated });
const snapshot = (shapes = {}) => ({
	version: 3,
	at: 5,
	jobs: 2,
	calls: 1,
	metrics: 'down',
	hosts: [{ host: 'pc', signals: [{ signal: 'cpu' }], models: [] }],
	lengths: { shapes, tasks: {}, models: {} },
});

test('what an engine learned is kept once a minute, and read by the next of its slot', async () => {
	let now = 1_000_000;
	const data = {};
	const of = (slot) => new WorkflowMemory(data, slot, () => now);
	const engine = (at) => ({ learned: () => ({ ...snapshot(), at }) });
	assert.equal(of('a').learned(), undefined);
	await of('a').keep(engine(1));
	await of('b').keep(engine(2));
	assert.deepEqual([of('a').learned().at, of('b').learned().at], [1, 2]);
	now += 59_999;
	await of('a').keep(engine(3));
	assert.equal(of('a').learned().at, 1);
	now += 1;
	await of('a').keep(engine(4));
	assert.equal(of('a').learned().at, 4);
	await of('c').keep({});
	assert.equal(of('c').learned(), undefined);
});

test('what cannot be read counts as nothing', () => {
	for (const kept of [{ at: 1, snapshot: '{' }, { at: 1 }, 'text']) {
		assert.equal(new WorkflowMemory({ smartAi: { a: kept } }, 'a').learned(), undefined);
	}
});

test('what a restart makes worthless is left out, and of too many shapes those that learned last are kept', () => {
	const { hosts, jobs, calls, metrics } = JSON.parse(compact(snapshot(), 1000));
	assert.deepEqual([hosts[0].signals, jobs, calls, metrics], [[], 0, 0, null]);
	const shapes = Object.fromEntries(
		Array.from({ length: 64 }, (_, at) => [`s${at}`, { any: mean(at), models: at === 0 ? { m: mean(99) } : {} }]),
	);
	const text = compact(snapshot(shapes), 1000);
	assert.ok(text.length <= 1000 && text.length > 500, String(text.length));
	const left = Object.keys(JSON.parse(text).lengths.shapes);
	assert.ok(left.includes('s0') && left.includes('s63') && !left.includes('s1'), left.join());
	assert.equal(compact(snapshot(), 10), undefined);
});
