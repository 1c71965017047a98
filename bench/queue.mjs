// n8n in queue mode beside a single process: 200 webhook executions on hosts that hold one model at a time.
import { need, stopAll, until } from '../tests/e2e/bed/index.mjs';
import { activate, call, cluster } from '../tests/e2e/n8n/cluster.mjs';
import { asking, databaseOf, isReady, startQueueMode, startSidecars } from '../tests/e2e/n8n/queue-mode.mjs';
import { fleetOf, PACKAGE } from '../tests/e2e/n8n/workbench.mjs';
import { build, startHost } from '../tests/e2e/serve/sidecar.mjs';
import { mean, quantile } from './statistics.mjs';
import { table } from './table.mjs';

const EXECUTIONS = 200;
const AT_ONCE = 20;
const HOST = {
	memory_gb: 6,
	models: [
		{ name: 'small:1b', size_gb: 1, memory_gb: 4, decode_tok_per_s: 200, load_s: 1 },
		{ name: 'large:7b', size_gb: 4, memory_gb: 5, decode_tok_per_s: 100, load_s: 2 },
	],
};

export const title = 'n8n in queue mode';
export const about = `${EXECUTIONS} executions by webhook, ${AT_ONCE} callers at a time, on real n8n 2.41.1 with
PostgreSQL and Redis, and two simulated hosts that hold one of two models at a time (loads of 1 and 2 s). Every other
execution names the large model. Two workers run ten executions each. *Loads* are those of both hosts together;
*brain* is where Smart AI decides: in each process of n8n (WebAssembly), or in one sidecar of two.`;

export async function run() {
	const parts = {};
	for (const name of ['n8n', 'postgres', 'redis']) parts[name] = await need(name);
	const program = build();
	const results = [];
	for (const processes of ['single', 'queue']) {
		for (const brain of ['wasm', 'sidecar']) results.push(await measured(parts, program, processes, brain));
	}
	const seconds = (key) => (row) => row[key].toFixed(2);
	return table(
		[
			['n8n', ({ processes }) => (processes === 'queue' ? 'main, webhook, 2 workers' : 'one process')],
			['brain', 'brain'],
			['answered', 'answered'],
			['mean (s)', seconds('mean')],
			['p95 (s)', seconds('p95')],
			['all (s)', seconds('all')],
			['loads', 'loads'],
		],
		results,
	);
}

async function measured(parts, program, processes, brain) {
	const store = await parts.postgres.start();
	try {
		const hosts = { pc: await startHost(program, HOST), nas: await startHost(program, HOST) };
		const urls = { pc: hosts.pc.url, nas: hosts.nas.url };
		const { pair } = await startSidecars(program, urls, store.url);
		await until('a sidecar to be ready', () => isReady(pair[0]));
		const sidecars = pair.map(({ proxy }) => proxy).join(', ');
		const fleet = fleetOf('Fleet', urls, { models: 'small:1b, large:7b', ...(brain === 'sidecar' && { sidecars }) });
		const flow = cluster({ id: 'asks', roots: [asking(fleet, brain)], subs: [] });
		const given = { store, credentials: [fleet], workflows: [flow] };
		const { server, session } = await (processes === 'queue' ? queue : single)(parts, given);
		await activate(session, flow);
		await (await call(server, flow, { question: 'Hello?', model: 'small:1b' })).text();
		const before = await loads(hosts);
		const result = await timed(server, flow);
		result.loads = (await loads(hosts)) - before;
		return { processes, brain: brain === 'wasm' ? 'in n8n' : 'sidecar', ...result };
	} finally {
		await stopAll();
		await store.remove();
	}
}

async function queue({ n8n, redis }, given) {
	const { webhook, session } = await startQueueMode(n8n, { ...given, redis: await redis.start(), concurrency: 10 });
	return { server: webhook, session };
}

async function single({ n8n }, { store, ...given }) {
	const instance = await n8n.start({ ...given, packages: [PACKAGE], env: await databaseOf(store) });
	const server = await instance.server();
	return { server, session: await server.session() };
}

async function timed(server, flow) {
	const [times, began] = [[], performance.now()];
	let [next, answered] = [0, 0];
	const caller = async () => {
		while (next < EXECUTIONS) {
			const at = next;
			next += 1;
			const start = performance.now();
			const response = await call(server, flow, {
				question: `Question ${at}?`,
				model: at % 2 ? 'small:1b' : 'large:7b',
			});
			await response.text();
			times.push((performance.now() - start) / 1000);
			if (response.ok) answered += 1;
		}
	};
	await Promise.all(Array.from({ length: AT_ONCE }, caller));
	return {
		answered: `${answered} of ${EXECUTIONS}`,
		mean: mean(times),
		p95: quantile(times, 0.95),
		all: (performance.now() - began) / 1000,
	};
}

async function loads(hosts) {
	const stats = await Promise.all(Object.values(hosts).map((host) => host.stats()));
	return stats.reduce((sum, { loads }) => sum + loads, 0);
}
