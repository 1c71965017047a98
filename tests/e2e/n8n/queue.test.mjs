// n8n in queue mode: two workers share what the sidecar knows, decide by themselves where it is away, and nothing is
// lost that n8n does not lose itself, whatever is killed or restarted in mid-run.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { everyPartRequired, MissingPart, need, stopAll, until } from '../bed/index.mjs';
import { rows, select } from '../history/store.mjs';
import { build, startHost } from '../serve/sidecar.mjs';
import { activate, call, cluster } from './cluster.mjs';
import { asking, CONCURRENCY, isReady, startQueueMode, startSidecars } from './queue-mode.mjs';
import { fleetOf } from './workbench.mjs';

const JOBS = 40;
/** Calls that show whether all is well. */
const ROUND = 20;
/** A caller waits so long for an answer. */
const PATIENCE_MS = 30_000;
/** A killed worker's executions are given up by n8n within this. */
const GIVEN_UP_MS = 30_000;

let bed;
let missing;

/** A small and a large model, on hosts of which each holds one of them at a time. */
const HOST = {
	memory_gb: 6,
	models: [
		{ name: 'small:1b', size_gb: 1, memory_gb: 4, decode_tok_per_s: 200, load_s: 0.3 },
		{ name: 'large:7b', size_gb: 4, memory_gb: 5, decode_tok_per_s: 100, load_s: 0.6 },
	],
};

before(async () => {
	try {
		const parts = {};
		for (const name of ['n8n', 'postgres', 'redis']) parts[name] = await need(name);
		const program = build();
		const [store, redis, pc, nas] = await Promise.all([
			parts.postgres.start(),
			parts.redis.start(),
			startHost(program, HOST),
			startHost(program, HOST),
		]);
		const hosts = { pc: pc.url, nas: nas.url };
		const sidecars = await startSidecars(program, hosts, store.url);
		await until('a sidecar to be ready', () => isReady(sidecars.pair[0]));
		const models = 'small:1b, large:7b';
		const fleet = fleetOf('Fleet', hosts, { models, sidecars: sidecars.pair.map(({ proxy }) => proxy).join(', ') });
		const flow = cluster({ id: 'asks', roots: [asking(fleet)], subs: [] });
		const running = await startQueueMode(parts.n8n, { store, redis, credentials: [fleet], workflows: [flow] });
		await activate(running.session, flow);
		bed = { ...running, store, redis, program, sidecars, flow };
	} catch (error) {
		if (!(error instanceof MissingPart) || everyPartRequired) throw error;
		missing = error.message;
	}
});

after(async () => {
	await stopAll();
	await bed?.store.remove();
});

const when = (name, body) =>
	test(name, { timeout: 300_000 }, async (t) => {
		if (missing) return t.skip(missing);
		await body(t);
	});

const kill = async (server) => {
	process.kill(server.pid, 'SIGKILL');
	await server.ended;
};

/** What a caller of the webhook is told: the status, and the answer where there is one. */
async function told(at, server = bed.webhook) {
	try {
		const question = { question: `Question ${at}?`, model: at % 2 ? 'small:1b' : 'large:7b' };
		const response = await call(server, bed.flow, question, { signal: AbortSignal.timeout(PATIENCE_MS) });
		const text = await response.text();
		return { status: response.status, ...(response.ok && JSON.parse(text)), text };
	} catch (error) {
		return { status: 0, why: error.message };
	}
}

/** Calls the webhook, so many at a time as both workers run; `midway` is called once a quarter is answered. */
async function calls(count, midway = async () => {}) {
	const answers = [];
	let [next, interfered] = [0, null];
	const caller = async () => {
		while (next < count) {
			next += 1;
			answers.push(await told(next));
			if (!interfered && answers.length >= count / 4) interfered = midway();
		}
	};
	await Promise.all(Array.from({ length: 2 * CONCURRENCY }, caller));
	await interfered;
	const good = answers.filter(({ status }) => status === 200);
	return {
		answers,
		good,
		bad: answers.filter(({ status }) => status !== 200),
		engines: countBy(good, ({ engine }) => engine),
	};
}

/**
 * Waits for a round of calls that are all answered. Each process of n8n connects anew when it notices that a part is
 * back; until all have, an answer may find no way to its caller.
 */
async function allAnswered() {
	let round = null;
	const isWhole = async () => {
		round = await calls(ROUND);
		return round.good.length === ROUND;
	};
	await until('every caller to be answered', isWhole, { everyMs: 500, deadlineMs: 120_000 });
	return round;
}

/** What callers saw, for whoever reads the test's output. */
function tell(t, { good, bad, engines }) {
	const others = countBy(bad, ({ status, text, why }) => `${status} ${(text ?? why).slice(0, 60)}`);
	t.diagnostic(`${good.length} answered by ${JSON.stringify(engines)}, others: ${JSON.stringify(others)}`);
}

function countBy(list, key) {
	const counts = {};
	for (const one of list) counts[key(one)] = (counts[key(one)] ?? 0) + 1;
	return counts;
}

/** How many executions are in each state, as n8n's database has it. */
async function executions() {
	const url = bed.store.url.replace(/postgres$/, 'n8n');
	const lines = await select({ url }, 'SELECT status, count(*) FROM execution_entity GROUP BY status');
	return Object.fromEntries(lines.map((line) => line.split('|')).map(([status, count]) => [status, Number(count)]));
}

const finished = (worker) => worker.log().match(/Worker finished execution/g)?.length ?? 0;

when('executions are shared by the workers, and every one is answered by the sidecar', async () => {
	const { good, engines } = await calls(JOBS);
	assert.equal(good.length, JOBS);
	assert.deepEqual(engines, { sidecar: JOBS });
	for (const worker of bed.workers) assert.ok(finished(worker) > 0, worker.log());
	await until('a row of each', async () => (await rows(bed.program, bed.store.url)).length === JOBS);
	assert.deepEqual(await executions(), { success: JOBS });
});

when('the sidecar that is ready is killed: every caller is answered, and the other one takes over', async (t) => {
	const [active, other] = bed.sidecars.pair;
	const { good, engines } = await calls(JOBS, () => kill(active));
	t.diagnostic(`answered by ${JSON.stringify(engines)}`);
	assert.equal(good.length, JOBS);
	assert.ok(await isReady(other));
	await until('the other to be used', async () => (await told(1)).engine === 'sidecar', { everyMs: 500 });
	bed.sidecars.pair = [other, await bed.sidecars.start()];
});

when('a worker is killed: n8n gives up what it ran, all else is answered, and a new worker joins', async (t) => {
	const [victim, other] = bed.workers;
	const before = await executions();
	const { good, bad } = await calls(JOBS, () => kill(victim));
	t.diagnostic(`${good.length} answered, ${bad.length} lost by n8n: ${JSON.stringify(bad[0])}`);
	// What it ran, and what it had just taken.
	assert.ok(bad.length <= 2 * CONCURRENCY, `${bad.length} were not answered`);
	await until(
		'every execution to end',
		async () => {
			const { running = 0, new: waiting = 0 } = await executions();
			return running + waiting === 0;
		},
		{ deadlineMs: GIVEN_UP_MS },
	);
	const after = await executions();
	t.diagnostic(JSON.stringify({ before, after }));
	assert.ok(after.success - before.success >= good.length, 'an answer without an execution');
	bed.workers = [other, await bed.addWorker()];
	await allAnswered();
	assert.ok(finished(bed.workers[1]) > 0);
});

when('PostgreSQL restarts: callers are answered again soon after', async (t) => {
	const { good, bad, engines } = await calls(JOBS, async () => {
		await bed.store.stop();
		await bed.store.begin();
	});
	tell(t, { good, bad, engines });
	await allAnswered();
	t.diagnostic(JSON.stringify(await executions()));
	await until('a sidecar to be used', async () => (await told(1)).engine === 'sidecar', { everyMs: 500 });
});

when('Redis restarts: callers are answered again soon after', async (t) => {
	const { good, bad, engines } = await calls(JOBS, async () => {
		await bed.redis.stop();
		await bed.redis.begin();
	});
	tell(t, { good, bad, engines });
	await allAnswered();
	t.diagnostic(JSON.stringify(await executions()));
});

when('both sidecars are away: the workers decide by themselves, and say so', async () => {
	await Promise.all(bed.sidecars.pair.map(kill));
	assert.deepEqual((await allAnswered()).engines, { wasm: ROUND });
});
