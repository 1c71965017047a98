// What was loaded and let go by itself is kept as jobs are, and what was learned of uses outlives the program.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { run, scratchFolder, until } from '../bed/index.mjs';
import { build, startHost, startSidecar } from '../serve/sidecar.mjs';
import { ask, rows, stores } from './store.mjs';

/** Idle models are held ten seconds, the least that there is. */
function configured() {
	const file = path.join(scratchFolder('actions'), 'smart-ai.toml');
	const lifecycle = '[lifecycle]\nmode = "on"\nwait_price = 0.0\nmin_resident_s = 0';
	writeFileSync(file, `refresh_ms = 500\n[[hosts]]\nurl = "http://127.0.0.1:1"\n${lifecycle}\n`);
	return file;
}

const told = async (sidecar) => (await fetch(`${sidecar.proxy}/smart-ai/lifecycle`)).json();

for (const [name, open] of Object.entries(stores)) {
	test(`${name}: what came and went is kept, and gaps of use are remembered`, async (t) => {
		const store = await open(t);
		if (!store) return;
		t.after(store.remove);
		const program = build();
		const host = await startHost(program, { models: [{ name: 'm:latest', load_s: 0.1 }] });
		t.after(host.stop);
		const flags = ['--config', configured(), '--history', store.url];
		const sidecar = await startSidecar(program, { pc: host.url }, flags);
		t.after(sidecar.stop);
		const prepared = await fetch(`${sidecar.proxy}/smart-ai/prepare`, {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body: JSON.stringify({ model: 'm:latest' }),
		});
		assert.equal((await prepared.json()).state, 'loaded');
		assert.equal(await ask(sidecar), 200);
		await until('the model to leave', async () => (await told(sidecar)).actions[0]?.action === 'unload', {
			deadlineMs: 60_000,
		});
		// Its gap of use is the time it was idle.
		assert.equal(await ask(sidecar), 200);
		const gap = (await told(sidecar)).models[0].p95_gap_s;
		assert.ok(gap >= 10, `${gap}`);
		const kept = async (...more) => rows(program, store.url, '--actions', ...more);
		await until('both rows', async () => (await kept()).length === 2);
		const [unload, prepare] = await kept();
		assert.deepEqual(
			[unload, prepare].map(({ action, host: on, model, outcome }) => [action, on, model, outcome]),
			[
				['unload', 'pc', 'm:latest', 'ok'],
				['prepare', 'pc', 'm:latest', 'ok'],
			],
		);
		assert.ok(prepare.at_ms < unload.at_ms && prepare.ms >= 100 && unload.gb > 0, JSON.stringify([unload, prepare]));
		assert.match(unload.reason, /^m:latest leaves pc: /);
		assert.deepEqual(await kept('--limit', '1', '--before', unload.name), [prepare]);
		assert.deepEqual(await kept('--outcome', 'failed'), []);
		assert.deepEqual(await kept('--until', '2026-01-01'), []);
		const shown = await run(program('smart-ai'), ['--history', store.url, 'history', '--actions']);
		assert.match(shown.stdout, /unload +pc +m:latest .* ok +m:latest leaves pc/);
		await sidecar.stop();

		const again = await startSidecar(program, { pc: host.url }, flags);
		t.after(again.stop);
		assert.equal(await ask(again), 200);
		const remembered = await until('the model to be seen', async () => (await told(again)).models[0]);
		assert.equal(remembered.p95_gap_s, gap, 'a gap of use is forgotten');
	});
}
