// A store that is 20 ms away keeps up with the jobs: a batch costs it a few round trips, and not some for each row.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import pMap from 'p-map';
import { until } from '../bed/index.mjs';
import { build, startHost, startSidecar } from '../serve/sidecar.mjs';
import { slowLine } from './slow-line.mjs';
import { ask, rows, stores } from './store.mjs';

const JOBS = 1000;
const CLIENTS = 50;
const DELAY_MS = 10;

test('PostgreSQL that is 20 ms away keeps every row of 1,000 jobs in a few round trips', async (t) => {
	const store = await stores.PostgreSQL(t);
	if (!store) return;
	t.after(store.remove);
	const program = build();
	const host = await startHost(program, {
		parallel: CLIENTS,
		models: [{ name: 'm', load_s: 0.01, decode_tok_per_s: 1e5, prefill_tok_per_s: 1e6, output_tokens: 2 }],
	});
	t.after(host.stop);
	const line = await slowLine(Number(new URL(store.url).port), DELAY_MS);
	t.after(line.end);
	const url = new URL(store.url);
	url.port = line.port;
	const sidecar = await startSidecar(program, { pc: host.url }, ['--history', url.href]);
	t.after(sidecar.stop);
	assert.equal(await ask(sidecar), 200);
	const before = line.roundTrips();
	const began = Date.now();
	const jobs = Array.from({ length: JOBS - 1 });
	await pMap(jobs, async () => assert.equal(await ask(sidecar), 200), { concurrency: CLIENTS });
	const answered = Date.now();
	await until('every row', async () => (await sidecar.scrape()).sum('dispatcher_history_rows_total') === JOBS, {
		deadlineMs: 60_000,
	});
	const trips = line.roundTrips() - before;
	const late = `the last row was kept ${Date.now() - answered} ms later`;
	t.diagnostic(`${JOBS} jobs in ${answered - began} ms; ${late}; ${trips} round trips of ${2 * DELAY_MS} ms`);
	assert.ok(trips < JOBS / 2, `${trips} round trips for ${JOBS} rows`);
	assert.equal((await sidecar.scrape()).sum('dispatcher_history_dropped_total'), 0);
	assert.equal((await rows(program, store.url)).length, JOBS);
});
