// The fault matrix in milliseconds: what each fault costs a job against the run without one, on both drivers.
import { drivers } from '../tests/e2e/faults/drivers.mjs';
import { startFleet } from '../tests/e2e/faults/fleet.mjs';
import { rows } from '../tests/e2e/faults/rows.mjs';
import { attemptsOf, trial } from '../tests/e2e/faults/trial.mjs';
import { median, table } from './table.mjs';

const RUNS = 3;

export const title = 'Faults, one at a time';
export const about = `Two simulated hosts with the same model; the fault hits the one that is asked first, or both. One job each, a fresh dispatcher every time, median of
${RUNS} runs. *Lost* is the time to the end beyond that of a job without a fault on the same driver, where the fault comes after the first look at the
hosts beyond that of a job whose hosts had been looked at. The first token may take 400 ms here and a pause in an
answer 400 ms (30 s each by default), which is what a hang costs. Outcomes and calls are asserted by \`tests/e2e/faults/matrix.test.mjs\`.`;

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
		return table(columns, results);
	} finally {
		await fleet.stop();
	}
}

async function measure(create, fleet, row) {
	const times = [];
	let last;
	for (let run = 0; run < RUNS; run += 1) {
		const { answer, ms } = await trial(create, fleet, row);
		times.push(ms);
		last = answer;
	}
	const calls = attemptsOf(last, row).map((call) => call.replaceAll('_', ' ')).join(', ');
	return { ms: median(times), outcome: last.ok ? 'answered' : last.error.code.replaceAll('_', ' '), calls: calls || 'none' };
}
