// One host, one model, mixed lengths: short requests against first-come-first-served. `node bench/run.mjs serial`
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { percent, trace } from './scenarios.mjs';
import { mean, median } from './statistics.mjs';
import { table } from './table.mjs';

const SEEDS = '0..10';
/** On one host with one model the fewest connections are always there: what comes first is served first. */
const FIFO = 'least-connections';
/** Seconds of work that a second of waiting makes up for, as core has it by default. */
const AGE = 0.3;

export const title = 'One host, one model, mixed lengths';
export const about = `The serial case of arXiv 2606.07248 in virtual time, seeds ${SEEDS}: half the requests write
about 40 tokens, half about 400, on one slot, and their prompts tell nothing about it. *Batch*: 100 requests at once,
three times; nothing is known of the shapes in the first, the other two repeat them. *Steady*: load 0.74. *Unknown*:
requests say no shape, so that nothing tells them apart. Goals: the short requests' median at least 70 % below
first-come-first-served in a batch, 17 % at load 0.74, with repeated shapes. Age bound: a request that came more than
the expected work ÷ ${AGE} after another never goes before it; *overtaken after* is the latest that one did, *bound*
what the longest request's true work allows.`;

const folder = fileURLToPath(new URL('serial', import.meta.url));

export async function run() {
	const scratch = mkdtempSync(join(tmpdir(), 'serial-'));
	try {
		return table(
			columns,
			['batch', 'steady'].flatMap((name) => [true, false].flatMap((known) => rows(name, known, scratch))),
		);
	} finally {
		rmSync(scratch, { recursive: true });
	}
}

const seconds = (value) => value.toFixed(1);
const columns = [
	['case', 'name'],
	['short p50, first come', ({ fifo }) => seconds(fifo.short)],
	['short p50, smart', ({ smart }) => seconds(smart.short)],
	['short p50', ({ smart, fifo }) => percent(smart.short / fifo.short - 1)],
	['long p50', ({ smart, fifo }) => percent(smart.long / fifo.long - 1)],
	['mean', ({ smart, fifo }) => percent(smart.mean / fifo.mean - 1)],
	['longest, first come', ({ fifo }) => seconds(fifo.longest)],
	['longest, smart', ({ smart }) => seconds(smart.longest)],
	['overtaken after', ({ smart }) => seconds(smart.overtaken)],
	['bound', ({ bound }) => seconds(bound)],
];

function rows(name, known, scratch) {
	const scenario = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
	for (const one of scenario.classes) one.known = known;
	const file = join(scratch, `${name}-${known}.json`);
	writeFileSync(file, JSON.stringify(scenario));
	const all = trace(file, ['smart', FIFO], SEEDS);
	const row = (what, wanted) => {
		const of = (policy) => all.filter((job) => job.policy === policy && wanted(job));
		const [smart, fifo] = [of('smart'), of(FIFO)].map(measure);
		return { name: `${name}, ${what}`, smart, fifo, bound: longestWork(scenario, all) / AGE };
	};
	if (!known) return [row('unknown shapes', () => true)];
	if (name === 'steady') return [row('repeated shapes', () => true)];
	const size = scenario.arrivals.batch;
	return [row('first sight', ({ job }) => job < size), row('repeated shapes', ({ job }) => job >= size)];
}

function measure(jobs) {
	if (jobs.some((job) => !job.answered)) throw new Error('a request was not answered');
	const of = (name) => median(jobs.filter((job) => job.class === name).map((job) => job.seconds));
	const all = jobs.map((job) => job.seconds);
	return {
		short: of('short'),
		long: of('long'),
		mean: mean(all),
		longest: Math.max(...all),
		overtaken: overtaken(jobs),
	};
}

/** The most seconds by which a request that ended sooner had come later. */
function overtaken(jobs) {
	let most = 0;
	for (const seed of new Set(jobs.map((job) => job.seed))) {
		const byEnd = jobs
			.filter((job) => job.seed === seed)
			.toSorted((a, b) => a.arrives_s + a.seconds - b.arrives_s - b.seconds);
		let latest = -Infinity;
		for (const job of byEnd) {
			most = Math.max(most, latest - job.arrives_s);
			latest = Math.max(latest, job.arrives_s);
		}
	}
	return most;
}

/** Seconds of the longest request at the rates of the only model. */
function longestWork({ hosts: [{ speed }], models: [model] }, jobs) {
	return Math.max(
		...jobs.map(
			(job) => (job.prompt_tokens / model.prefill_tok_per_s + job.output_tokens / model.decode_tok_per_s) / speed,
		),
	);
}
