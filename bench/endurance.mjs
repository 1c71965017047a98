// Ten thousand asks through each driver on three simulated hosts that fail now and then, beside the same without
// faults.
import pMap from 'p-map';
import { drivers } from '../tests/e2e/faults/drivers.mjs';
import { startHost } from '../tests/e2e/faults/host.mjs';
import { quantile } from './statistics.mjs';
import { table } from './table.mjs';

const JOBS = Number(process.env.JOBS ?? 10_000);
const CONCURRENCY = 4;
const MODEL = { name: 'phi3:mini', prefill_tok_per_s: 5_000, decode_tok_per_s: 400, load_s: 0.05, output_tokens: 12 };
/** What goes wrong with any call, on every host, by chance. */
const BY_CHANCE = [
	{ kind: 'busy', probability: 0.01 },
	{ kind: 'down', reset: true, probability: 0.01 },
	{ kind: 'cut', probability: 0.005 },
	{ kind: 'cut', abrupt: true, probability: 0.005 },
	{ kind: 'error_line', probability: 0.005 },
	{ kind: 'garbage', probability: 0.003 },
	{ kind: 'hang', probability: 0.002 },
];
/** What goes wrong with one host after another, for a second out of six: never with two. */
const IN_TURN = [{ kind: 'down' }, { kind: 'busy' }, { kind: 'slow', factor: 5 }, { kind: 'hang' }];
const TURN_MS = 6_000;

export const title = 'Endurance';
export const about = `${JOBS} asks of 12 tokens (30 ms) through each driver at a concurrency of ${CONCURRENCY}, on
three simulated hosts with two slots each: without faults, then with faults in 4 % of the calls by chance (503, reset
connections, answers cut, error lines, garbage, hangs) and one host in turn down, busy, slow or hung for a second out
of six. Goals: 99.9 % answered, none lost, none answered twice, p95 at most 1.5 × that without faults.`;

export async function run() {
	const rows = [];
	for (const [name, create] of Object.entries(drivers)) {
		for (const faulty of [false, true]) rows.push({ driver: name, faulty, ...(await measure(create, faulty)) });
	}
	const columns = [
		['driver', 'driver'],
		['faults', ({ faulty }) => (faulty ? 'with' : 'without')],
		['answered', ({ answered }) => `${((answered / JOBS) * 100).toFixed(2)} %`],
		['lost', 'lost'],
		['answered twice', 'twice'],
		['calls', 'calls'],
		['calls that failed', ({ failed, calls }) => `${((failed / calls) * 100).toFixed(1)} %`],
		['second calls overtaken', 'overtaken'],
		['p50 (ms)', ({ ms }) => quantile(ms, 0.5).toFixed(0)],
		['p95 (ms)', ({ ms }) => quantile(ms, 0.95).toFixed(0)],
		['p99 (ms)', ({ ms }) => quantile(ms, 0.99).toFixed(0)],
	];
	const ended = Object.keys(drivers).map((name) => {
		const [plain, faulty] = rows.filter(({ driver }) => driver === name);
		const ratio = quantile(faulty.ms, 0.95) / quantile(plain.ms, 0.95);
		const errors = Object.entries(faulty.errors).map(([code, count]) => `${code} ${count}`);
		return `${name}: p95 with faults ÷ without ${ratio.toFixed(2)}; asks that failed: ${errors.join(', ') || 'none'}.`;
	});
	return `${table(columns, rows)}\n\n${ended.join('\n')}`;
}

async function measure(create, faulty) {
	const hosts = await Promise.all([0, 1, 2].map((at) => startHost({ models: [MODEL], parallel: 2, seed: at })));
	let turn = 0;
	const next = () => hosts[turn % hosts.length].set({ ...IN_TURN[turn++ % IN_TURN.length], seconds: 1 });
	let timer;
	try {
		await Promise.all(hosts.map((host) => host.load(MODEL.name)));
		if (faulty) {
			for (const host of hosts) await host.set(BY_CHANCE);
			timer = setInterval(next, TURN_MS);
		}
		return tally(await answers(create, hosts));
	} finally {
		clearInterval(timer);
		await Promise.all(hosts.map((host) => host.stop()));
	}
}

/** Every answer, in the order they came. */
async function answers(create, hosts) {
	const ai = create({ hosts: hosts.map(({ url }, at) => ({ id: `h${at}`, instance: `h${at}`, url, parallel: 2 })) });
	const results = [];
	const ask = async (id) => results.push(await ai.ask({ id, prompt: 'Say something short.', shape: 'endurance' }));
	await pMap(Array(JOBS).keys(), ask, { concurrency: CONCURRENCY });
	ai.close();
	return results;
}

function tally(results) {
	const ids = new Set(results.map((result) => result.id));
	const outcomes = results.flatMap((result) => result.attempts.map((attempt) => attempt.outcome));
	const errors = {};
	for (const { error } of results) if (error) errors[error.code] = (errors[error.code] ?? 0) + 1;
	return {
		answered: results.filter((result) => result.ok).length,
		lost: JOBS - ids.size,
		twice: results.length - ids.size,
		calls: outcomes.length,
		failed: outcomes.filter((outcome) => outcome !== 'ok' && outcome !== 'overtaken').length,
		overtaken: outcomes.filter((outcome) => outcome === 'overtaken').length,
		ms: results.map((result) => result.ms.total),
		errors,
	};
}
