// How far predictions are from what jobs took, on two real Ollama servers that keep one model each, and what makes the
// misses. Needs the program: `cargo build --release -p smart-ai`.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { stopAll } from '../tests/e2e/bed/index.mjs';
import { target } from '../paths.mjs';
import { smart } from './real/contenders.mjs';
import { startFleet } from './real/fleet.mjs';
import { kinds, draft } from './real/tasks.mjs';
import { gaps, median, quantile } from './statistics.mjs';
import { table } from './table.mjs';

const JOBS = 300;
const LEARNT = 200;
const MEAN_GAP_MS = 2_200;
const DRAFT_EVERY = 20;
const GOAL = 0.25;

export const title = 'Predicted against actual';
export const about = `${JOBS} jobs on two real Ollama servers (one model in memory each, one core each), arriving at
random every ${MEAN_GAP_MS / 1000} s on average: eight kinds of short exact tasks that two models share, and every
twentieth job pinned to a third model, which pushes out another. The error is |predicted − actual| ÷ actual, both
from submit to last token, as expected at submit. The goal is a median of at most ${GOAL * 100} % after ${LEARNT}
jobs.`;

const percent = (share) => `${Math.round(share * 100)} %`;
const error = ({ predicted_ms, ms }) => Math.abs(predicted_ms - ms.total) / ms.total;

/** Items of every kind in turn; the same item comes again only after all others of its kind. */
function itemOf(number, models) {
	if (number % DRAFT_EVERY === DRAFT_EVERY - 1) return draft(models.draft, number);
	const kind = kinds[number % kinds.length];
	const items = [...kind.calibration, ...kind.measured];
	return items[Math.floor(number / kinds.length) % items.length];
}

async function play(program) {
	const { hosts, models } = await startFleet();
	const dispatcher = smart('smart', program, hosts, () => [models.small, models.large]);
	const gap = gaps(MEAN_GAP_MS, 7);
	const answers = [];
	for (let number = 0; number < JOBS; number++) {
		answers.push(dispatcher.answer(itemOf(number, models)));
		await pause(gap());
	}
	const results = await Promise.all(answers);
	await dispatcher.close();
	return results;
}

/** The phase in which a job's prediction went most wrong, by the chosen arm's terms. */
function cause({ decision, predicted_ms, ms, usage, attempts }) {
	if (attempts.length > 1) return 'a failed attempt came first';
	const [{ terms }] = decision.candidates;
	const working = ms.total - ms.queue - ms.load;
	const long = Math.abs(Math.log((usage.output_tokens + 1) / (decision.output_tokens + 1))) > 0.3;
	const work_ms = (terms.prefill_s + terms.decode_s) * 1000;
	// The terms are those of the call; what was expected at submit beyond them is waiting.
	const waiting_ms = Math.max(0, predicted_ms - work_ms - terms.load_s * 1000);
	const misses = [
		['loading the model', Math.abs(terms.load_s * 1000 - ms.load)],
		['waiting for a free model', Math.abs(waiting_ms - ms.queue)],
		[
			long ? 'an answer longer or shorter than expected' : 'reading and writing at another speed than expected',
			Math.abs(work_ms - working),
		],
	];
	return misses.toSorted((one, other) => other[1] - one[1])[0][0];
}

const grouped = (rows, of) => [...new Set(rows.map(of))].map((name) => [name, rows.filter((row) => of(row) === name)]);

function report(results) {
	const answered = results.map((result, number) => ({ ...result, number })).filter(({ ok }) => ok);
	const columns = (first) => [
		[first, 'name'],
		['jobs', 'jobs'],
		['median error', 'median'],
		['p90', 'p90'],
		['within 25 %', 'within'],
	];
	const row = (name, rows) => {
		const errors = rows.map(error);
		return {
			name,
			jobs: rows.length,
			median: percent(median(errors)),
			p90: percent(quantile(errors, 0.9)),
			within: percent(errors.filter((one) => one <= GOAL).length / errors.length),
		};
	};
	const windows = [
		[0, 50],
		[50, 100],
		[100, LEARNT],
		[LEARNT, JOBS],
	].map(([from, to]) =>
		row(
			`${from + 1} to ${to}`,
			answered.filter(({ number }) => number >= from && number < to),
		),
	);
	const late = answered.filter(({ number }) => number >= LEARNT);
	const reached = median(late.map(error)) <= GOAL;
	const missed = late.filter((one) => error(one) > GOAL);
	const cold = ({ ms }) =>
		ms.load > 250
			? 'its model was loaded for it'
			: ms.queue > 250
				? 'waited for a free model'
				: 'at once, on a loaded model';
	const causes = grouped(missed, cause)
		.toSorted((one, other) => other[1].length - one[1].length)
		.map(([name, rows]) => ({
			name,
			jobs: rows.length,
			under: rows.filter((one) => one.predicted_ms < one.ms.total).length,
		}));
	return [
		`After ${LEARNT} jobs the median error is ${percent(median(late.map(error)))}: the goal is ` +
			`${reached ? 'reached' : 'missed'}. ${answered.length} of ${results.length} jobs were answered.`,
		table(columns('jobs in order'), windows),
		`The jobs after the first ${LEARNT}, by how they went:`,
		table(
			columns('job'),
			grouped(late, cold).map(([name, rows]) => row(name, rows)),
		),
		`What made the ${missed.length} misses among them (an error above 25 %), by the phase that was furthest off:`,
		table(
			[
				['phase', 'name'],
				['misses', 'jobs'],
				['of them took longer than predicted', 'under'],
			],
			causes,
		),
	].join('\n\n');
}

/** The tables, in Markdown. */
export async function run() {
	const program = path.join(target, 'release', 'smart-ai');
	if (!existsSync(program)) throw new Error(`${program} is missing: cargo build --release -p smart-ai`);
	try {
		return report(await play(program));
	} finally {
		await stopAll();
	}
}
