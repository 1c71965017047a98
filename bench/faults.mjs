// The fault matrix in milliseconds: what each fault costs a job against the run without one, on both drivers.
import { drivers } from '../tests/e2e/faults/drivers.mjs';
import { MODEL, startFleet } from '../tests/e2e/faults/fleet.mjs';
import { startHost } from '../tests/e2e/faults/host.mjs';
import { rows } from '../tests/e2e/faults/rows.mjs';
import { attemptsOf, trial } from '../tests/e2e/faults/trial.mjs';
import { median } from './statistics.mjs';
import { table } from './table.mjs';

const RUNS = 3;

export const title = 'Faults, one at a time';
export const about = `Two simulated hosts with the same model; the fault hits the one that is asked first, or both.
One job each, a fresh dispatcher every time, median of ${RUNS} runs. *Lost* is the time to the end beyond that of a
job without a fault on the same driver, where the fault comes after the first look at the hosts beyond that of a job
whose hosts had been looked at. The first token may take 400 ms here and a pause in an answer 400 ms (30 s each by
default), which is what a hang costs. A cancelled call's goal is 200 ms. Outcomes and calls are asserted by
\`tests/e2e/faults/matrix.test.mjs\`.`;

export async function run() {
	const fleet = await startFleet();
	try {
		const results = [];
		for (const create of Object.values(drivers)) await trial(create, fleet, rows[0]); // the first run warms up
		for (const row of rows) {
			const result = { name: row.name, looked: Boolean(row.fault) };
			for (const [driver, create] of Object.entries(drivers)) result[driver] = await measure(create, fleet, row);
			results.push(result);
		}
		const [plain, looked] = results;
		const time = (driver) => (result) => {
			if (result === plain || result === looked) return `(${result[driver].ms.toFixed(0)} in all)`;
			return Math.max(0, result[driver].ms - (result.looked ? looked : plain)[driver].ms).toFixed(0);
		};
		const columns = [
			['fault', 'name'],
			['outcome', ({ native }) => native.outcome],
			['calls', ({ native }) => native.calls],
			...Object.keys(drivers).map((driver) => [`lost, ${driver} (ms)`, time(driver)]),
		];
		return `${table(columns, results)}\n\n${await cancels()}`;
	} finally {
		await fleet.stop();
	}
}

/**
 * Milliseconds from a caller's cancel until the host has seen its connection close and is free, as its own counters
 * say.
 */
async function cancels() {
	const host = await startHost({
		models: [{ name: MODEL, prefill_tok_per_s: 5000, decode_tok_per_s: 50, output_tokens: 100_000 }],
	});
	try {
		const results = [];
		for (const [driver, create] of Object.entries(drivers)) {
			const ai = create({ hosts: [{ id: 'a', url: host.url }] });
			const times = [];
			for (let run = 0; run < 10; run += 1) times.push(await cancel(ai, host));
			ai.close();
			results.push({ driver, median: median(times).toFixed(0), most: Math.max(...times).toFixed(0) });
		}
		return table(
			[
				['cancel in mid-stream, until the host is free', 'driver'],
				['median (ms)', 'median'],
				['most of 10 (ms)', 'most'],
			],
			results,
		);
	} finally {
		await host.stop();
	}
}

async function cancel(ai, host) {
	const abort = new AbortController();
	let began;
	const onText = () => {
		began ??= performance.now();
		abort.abort();
	};
	const answer = ai.ask({ prompt: 'Tell me all.' }, { signal: abort.signal, onText });
	while (began === undefined || (await host.stats()).in_flight > 0) await new Promise(setImmediate);
	const ms = performance.now() - began;
	await answer;
	return ms;
}

async function measure(create, fleet, row) {
	const times = [];
	let last;
	for (let run = 0; run < RUNS; run += 1) {
		const { answer, ms } = await trial(create, fleet, row);
		times.push(ms);
		last = answer;
	}
	const calls = attemptsOf(last, row)
		.map((call) => call.replaceAll('_', ' '))
		.join(', ');
	return {
		ms: median(times),
		outcome: last.ok ? 'answered' : last.error.code.replaceAll('_', ' '),
		calls: calls || 'none',
	};
}
