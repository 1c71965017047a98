// Smart AI and LiteLLM's Router on the same simulated hosts under the same script of faults, one after the other.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { drivers } from '../tests/e2e/faults/drivers.mjs';
import { startHost } from '../tests/e2e/faults/host.mjs';
import { cache } from '../paths.mjs';
import { gaps, mean, quantile } from './statistics.mjs';
import { table } from './table.mjs';

const python = join(cache, 'peers', 'litellm', 'bin', 'python');
const router = fileURLToPath(new URL('peers/litellm_faults.py', import.meta.url));

const MODEL = 'phi3:mini';
const PROMPT = 'Say hello.';
const TEXT = Array.from({ length: 50 }, (_, at) => `word${at}`).join(' ');
const IDS = ['a', 'b', 'c'];
const JOBS_PER_S = 8;
const TIMEOUT_S = 5;
const RETRIES = 3;
/** Of every call, all the time. */
const BACKGROUND = [
	{ kind: 'status', status: 500, probability: 0.02 },
	{ kind: 'cut', probability: 0.02 },
];
/** When, for how many seconds, where, what. */
const SCRIPT = [
	{ at: 4, seconds: 4, hosts: ['a'], fault: { kind: 'down' } },
	{ at: 11, seconds: 8, hosts: ['b'], fault: { kind: 'hang' } },
	{ at: 22, seconds: 4, hosts: ['c'], fault: { kind: 'busy' } },
	{ at: 29, seconds: 4, hosts: ['a'], fault: { kind: 'cut' } },
	{ at: 36, seconds: 4, hosts: ['b'], fault: { kind: 'slow', factor: 8 } },
	{ at: 43, seconds: 4, hosts: ['c'], fault: { kind: 'oom' } },
	{ at: 43, seconds: 4, hosts: ['c'], fault: { kind: 'error_line', after_tokens: 5 } },
	{ at: 50, seconds: 2, hosts: IDS, fault: { kind: 'busy' } },
];
const LAST_S = 56;

export const title = "Faults: Smart AI and LiteLLM's Router";
export const about = `The same three simulated hosts (one model, 50 tokens at 500 a second, one request at a time),
the same ${JOBS_PER_S} jobs a second at the same moments and the same script of faults, one contender after the
other: a host down for 4 s, one silent for 8 s, one busy, one that cuts answers off, one 8 times slower, one whose
runner crashes, and every host busy for 2 s; besides, 4 % of all calls fail or are cut off at any time. *Answered* is
the whole text; *cut short* is a part of it handed out as a success. Both may wait ${TIMEOUT_S} s for an answer to
begin (LiteLLM: to end); LiteLLM retries ${RETRIES} times, Smart AI makes ${RETRIES + 1} calls at most besides those
that a busy host turned away; all else is each one's default. Seconds to the end are of answered jobs. *First good
answer* is counted from each fault's start (for the last one, its end) to the end of the first job that was asked
since and answered; mean and worst of the faults.`;

/** Moments of a Poisson process, the same for all. */
function arrivals() {
	const gap = gaps(1 / JOBS_PER_S, 42);
	const moments = [];
	for (let at = 0; at < LAST_S; at += gap()) moments.push(at);
	return moments;
}

function smart(create) {
	return async (hosts, start) => {
		const ai = create({
			hosts: hosts.map(({ url }, at) => ({ id: IDS[at], instance: IDS[at], url })),
			max_attempts: RETRIES + 1,
			first_token_timeout_ms: TIMEOUT_S * 1000,
		});
		const began = start();
		const since = () => (performance.now() - began) / 1000;
		const one = async (arrives, id) => {
			await pause(Math.max(0, arrives - since()) * 1000);
			const job = { id, began: since() };
			const answer = await ai.ask({ prompt: PROMPT });
			return { ...job, ended: since(), text: answer.ok ? answer.text : null, error: answer.error?.code };
		};
		const results = await Promise.all(arrivals().map(one));
		ai.close();
		return results;
	};
}

function litellm(strategy) {
	return async (hosts, start) => {
		const child = spawn(python, [router], { stdio: ['pipe', 'pipe', 'ignore'] });
		const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
		const task = {
			hosts: hosts.map(({ url }) => url),
			model: MODEL,
			strategy,
			retries: RETRIES,
			timeout_s: TIMEOUT_S,
			prompt: PROMPT,
			arrivals: arrivals(),
		};
		child.stdin.write(`${JSON.stringify(task)}\n`);
		const ready = await lines.next();
		if (ready.done) throw new Error(`${python} ended; see bench/peers/README.md`);
		start();
		child.stdin.write('\n');
		const results = [];
		for await (const line of lines) results.push(JSON.parse(line));
		if (child.exitCode === null) await once(child, 'exit');
		return results;
	};
}

const contenders = {
	'Smart AI, native': smart(drivers.native),
	'Smart AI, WASM': smart(drivers.wasm),
	'LiteLLM, simple-shuffle (its default)': litellm('simple-shuffle'),
	'LiteLLM, least-busy': litellm('least-busy'),
	'LiteLLM, latency-based-routing': litellm('latency-based-routing'),
};

export async function run() {
	if (!existsSync(python))
		throw new Error(
			`needs LiteLLM: python3 -m venv ${join(cache, 'peers', 'litellm')} and pip install litellm==1.106.2 in it`,
		);
	const rows = [];
	for (const [name, contender] of Object.entries(contenders)) rows.push({ name, ...(await measure(contender)) });
	return table(
		[
			['contender', 'name'],
			['jobs', 'jobs'],
			['answered', 'answered'],
			['cut short', 'short'],
			['failed', 'failed'],
			['p50 (s)', 'p50'],
			['p95 (s)', 'p95'],
			['p99 (s)', 'p99'],
			['first good answer (s)', 'mean'],
			['worst (s)', 'worst'],
		],
		rows,
	);
}

async function measure(contender) {
	const model = {
		name: MODEL,
		size_gb: 2.2,
		answer: TEXT,
		prefill_tok_per_s: 5000,
		decode_tok_per_s: 500,
		load_s: 0.3,
	};
	const hosts = await Promise.all(IDS.map((_, at) => startHost({ models: [model], seed: at, faults: BACKGROUND })));
	const timers = [];
	try {
		await Promise.all(hosts.map((host) => host.load(MODEL)));
		const start = () => {
			for (const { at, seconds, hosts: ids, fault } of SCRIPT) {
				timers.push(
					setTimeout(() => ids.forEach((id) => void hosts[IDS.indexOf(id)].set({ ...fault, seconds })), at * 1000),
				);
			}
			return performance.now();
		};
		return summary(await contender(hosts, start));
	} finally {
		timers.forEach(clearTimeout);
		await Promise.all(hosts.map((host) => host.stop()));
	}
}

function summary(results) {
	const good = results.filter(({ text }) => text === TEXT);
	const short = results.filter(({ text }) => text !== null && text !== TEXT);
	const times = good.map(({ began, ended }) => ended - began);
	const recoveries = SCRIPT.map(({ at, seconds, hosts }) => {
		const from = hosts.length === IDS.length ? at + seconds : at;
		return Math.min(...good.filter(({ began }) => began >= from).map(({ ended }) => ended)) - from;
	});
	const seconds = (value) => value.toFixed(2);
	return {
		jobs: results.length,
		answered: `${((100 * good.length) / results.length).toFixed(1)} %`,
		short: short.length,
		failed: results.length - good.length - short.length,
		p50: seconds(quantile(times, 0.5)),
		p95: seconds(quantile(times, 0.95)),
		p99: seconds(quantile(times, 0.99)),
		mean: seconds(mean(recoveries)),
		worst: seconds(Math.max(...recoveries)),
	};
}
