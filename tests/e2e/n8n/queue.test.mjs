// n8n in queue mode: two workers share what the sidecar knows, and decide by themselves where it is away.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../bed/index.mjs';
import { rows } from '../history/store.mjs';
import {
	allAnswered,
	calls,
	endBed,
	executions,
	finished,
	JOBS,
	kill,
	ROUND,
	startBed,
	summary,
	told,
} from './queue-bed.mjs';
import { isReady } from './queue-mode.mjs';

let bed;

before(async () => {
	bed = await startBed();
});

after(() => endBed(bed));

const when = (name, body) =>
	test(name, { timeout: 300_000 }, async (t) => {
		if (bed.missing) return t.skip(bed.missing);
		await body(t);
	});

when('executions are shared by the workers, and every one is answered by the sidecar', async () => {
	const { good, engines } = await calls(bed, JOBS);
	assert.equal(good.length, JOBS);
	assert.deepEqual(engines, { sidecar: JOBS });
	for (const worker of bed.workers) assert.ok(finished(worker) > 0, worker.log());
	await until('a row of each', async () => (await rows(bed.program, bed.store.url)).length === JOBS);
	assert.deepEqual(await executions(bed), { success: JOBS });
});

when('the sidecar that is ready is killed: every caller is answered, and the other one takes over', async (t) => {
	const [active, other] = bed.sidecars.pair;
	const round = await calls(bed, JOBS, () => kill(active));
	t.diagnostic(summary(round));
	assert.equal(round.good.length, JOBS);
	assert.ok(await isReady(other));
	await until('the other to be used', async () => (await told(bed, 1)).engine === 'sidecar', { everyMs: 500 });
	bed.sidecars.pair = [other];
});

when('both sidecars are away: the workers decide by themselves, and say so', async () => {
	await Promise.all(bed.sidecars.pair.map(kill));
	assert.deepEqual((await allAnswered(bed)).engines, { wasm: ROUND });
});
