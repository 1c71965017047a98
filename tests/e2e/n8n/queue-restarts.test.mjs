// n8n in queue mode while its own parts are killed and restarted: nothing is lost that n8n does not lose itself. What
// n8n loses, and how soon it recovers, differs from run to run: `npm run test:restarts` tells it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../bed/index.mjs';
import { allAnswered, calls, endBed, executions, finished, JOBS, kill, startBed, summary, told } from './queue-bed.mjs';
import { CONCURRENCY } from './queue-mode.mjs';

/** A killed worker's executions are given up by n8n within this. */
const GIVEN_UP_MS = 30_000;

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

const sidecarUsed = () =>
	until('a sidecar to be used', async () => (await told(bed, 1)).engine === 'sidecar', { everyMs: 500 });

when('a worker is killed: n8n gives up what it ran, all else is answered, and a new worker joins', async (t) => {
	const [victim, other] = bed.workers;
	const before = await executions(bed);
	const round = await calls(bed, JOBS, () => kill(victim));
	t.diagnostic(summary(round));
	// What it ran, and what it had just taken.
	assert.ok(round.bad.length <= 2 * CONCURRENCY, `${round.bad.length} were not answered`);
	const allEnded = async () => {
		const { running = 0, new: waiting = 0 } = await executions(bed);
		return running + waiting === 0;
	};
	await until('every execution to end', allEnded, { deadlineMs: GIVEN_UP_MS });
	const after = await executions(bed);
	t.diagnostic(JSON.stringify({ before, after }));
	assert.ok(after.success - (before.success ?? 0) >= round.good.length, 'an answer without an execution');
	bed.workers = [other, await bed.addWorker()];
	await allAnswered(bed);
	assert.ok(finished(bed.workers[1]) > 0);
});

for (const [part, name] of [
	['store', 'PostgreSQL'],
	['redis', 'Redis'],
]) {
	when(`${name} restarts: callers are answered again soon after`, async (t) => {
		const round = await calls(bed, JOBS, async () => {
			await bed[part].stop();
			await bed[part].begin();
		});
		t.diagnostic(summary(round));
		await allAnswered(bed);
		t.diagnostic(JSON.stringify(await executions(bed)));
		await sidecarUsed();
	});
}
