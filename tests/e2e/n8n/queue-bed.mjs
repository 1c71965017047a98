// n8n in queue mode before two hosts and two sidecars, callers of its webhook, and what they are told.
import { MissingPart, everyPartRequired, need, stopAll, until } from '../bed/index.mjs';
import { select } from '../history/store.mjs';
import { build, startHost } from '../serve/sidecar.mjs';
import { activate, call, cluster } from './cluster.mjs';
import { asking, CONCURRENCY, isReady, startQueueMode, startSidecars } from './queue-mode.mjs';
import { fleetOf } from './workbench.mjs';

/** Calls of one test. */
export const JOBS = 40;
/** Calls that show whether all is well. */
export const ROUND = 20;
/** A caller waits so long for an answer. */
const PATIENCE_MS = 30_000;

/** A small and a large model, on hosts of which each holds one of them at a time. */
const HOST = {
	memory_gb: 6,
	models: [
		{ name: 'small:1b', size_gb: 1, memory_gb: 4, decode_tok_per_s: 200, load_s: 0.3 },
		{ name: 'large:7b', size_gb: 4, memory_gb: 5, decode_tok_per_s: 100, load_s: 0.6 },
	],
};

/** Starts it all. Where a part is missing and may be, the bed has only `missing`: which one, and how to get it. */
export async function startBed() {
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
		return { ...running, store, redis, program, sidecars, flow };
	} catch (error) {
		if (!(error instanceof MissingPart) || everyPartRequired) throw error;
		return { missing: error.message };
	}
}

export async function endBed(bed) {
	await stopAll();
	await bed?.store?.remove();
}

export const kill = async (server) => {
	process.kill(server.pid, 'SIGKILL');
	await server.ended;
};

/** What a caller of the webhook is told: the status, and the answer where there is one. */
export async function told(bed, at) {
	try {
		const question = { question: `Question ${at}?`, model: at % 2 ? 'small:1b' : 'large:7b' };
		const response = await call(bed.webhook, bed.flow, question, { signal: AbortSignal.timeout(PATIENCE_MS) });
		const text = await response.text();
		return { status: response.status, ...(response.ok && JSON.parse(text)), text };
	} catch (error) {
		return { status: 0, why: error.message };
	}
}

/** Calls the webhook, so many at a time as both workers run; `midway` is called once a quarter is answered. */
export async function calls(bed, count, midway = async () => {}) {
	const answers = [];
	let [next, interfered] = [0, null];
	const caller = async () => {
		while (next < count) {
			next += 1;
			answers.push(await told(bed, next));
			if (!interfered && answers.length >= count / 4) interfered = midway();
		}
	};
	await Promise.all(Array.from({ length: 2 * CONCURRENCY }, caller));
	await interfered;
	const good = answers.filter(({ status }) => status === 200);
	return {
		good,
		bad: answers.filter(({ status }) => status !== 200),
		engines: countBy(good, ({ engine }) => engine),
	};
}

/**
 * Waits for a round of calls that are all answered. Each process of n8n connects anew when it notices that a part is
 * back; until all have, an answer may find no way to its caller.
 */
export async function allAnswered(bed) {
	let round = null;
	const isWhole = async () => {
		round = await calls(bed, ROUND);
		return round.good.length === ROUND;
	};
	await until('every caller to be answered', isWhole, { everyMs: 500, deadlineMs: 120_000 });
	return round;
}

/** What callers saw, in one line. */
export function summary({ good, bad, engines }) {
	const others = countBy(bad, ({ status, text, why }) => `${status} ${(text ?? why).slice(0, 60)}`);
	return `${good.length} answered by ${JSON.stringify(engines)}, others: ${JSON.stringify(others)}`;
}

function countBy(list, key) {
	const counts = {};
	for (const one of list) counts[key(one)] = (counts[key(one)] ?? 0) + 1;
	return counts;
}

/** How many executions are in each state, as n8n's database has it. */
export async function executions(bed) {
	const url = bed.store.url.replace(/postgres$/, 'n8n');
	const lines = await select({ url }, 'SELECT status, count(*) FROM execution_entity GROUP BY status');
	return Object.fromEntries(lines.map((line) => line.split('|')).map(([status, count]) => [status, Number(count)]));
}

/** How many executions a worker has ended. */
export const finished = (worker) => worker.log().match(/Worker finished execution/g)?.length ?? 0;
