// The real benchmark: `node bench/real/run.mjs [--rounds N]`. Fixed choices and Smart AI on the same real servers, in
// turns. Needs the program: `cargo build --release -p smart-ai`.
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { target } from '../../paths.mjs';
import { stopAll } from '../../tests/e2e/bed/index.mjs';
import { mean, quantile } from '../statistics.mjs';
import { fixed, smart } from './contenders.mjs';
import { ask, countLoads, startFleet, unloadAll } from './fleet.mjs';
import { isRight, kinds } from './tasks.mjs';
import { block, MOST_ROUNDS } from './workload.mjs';

/** A model does for a kind when it gets at most this share fewer answers right than the better one. */
const TOLERANCE = 0.05;

const { values } = parseArgs({ options: { rounds: { type: 'string', default: String(MOST_ROUNDS) } } });
const rounds = Number(values.rounds);
if (!(Number.isInteger(rounds) && rounds >= 1 && rounds <= MOST_ROUNDS)) {
	console.error(`--rounds takes a whole number from 1 to ${MOST_ROUNDS}`);
	process.exit(2);
}
const program = path.join(target, 'release', 'smart-ai');
const note = (text) => process.stderr.write(`${text}\n`);

/** Share of right answers of each model for each kind, on items that are not measured later. */
async function calibrate({ hosts, models }) {
	const right = new Map(kinds.map(({ name }) => [name, {}]));
	await Promise.all(
		['small', 'large'].map(async (size, index) => {
			for (const { name, calibration } of kinds) {
				let hits = 0;
				for (const item of calibration) hits += isRight(item, await ask(hosts[index], models[size], item));
				right.get(name)[size] = hits / calibration.length;
			}
		}),
	);
	return right;
}

/** Lets a contender answer one block; one row for each job. */
async function play(contender, jobs, hosts, round) {
	await unloadAll(hosts);
	const loads = countLoads(hosts);
	const began = performance.now();
	const rows = await Promise.all(
		jobs.map(async ({ at: due, item }) => {
			await pause(Math.max(0, due - (performance.now() - began)));
			const asked = performance.now();
			const { ok, text, model, host, error } = await contender.answer(item);
			const seconds = (performance.now() - asked) / 1000;
			if (!ok) note(`${contender.name}: ${item.kind}: ${error?.message ?? text}`);
			return {
				round,
				kind: item.kind,
				seconds,
				ok,
				right: item.wanted === undefined ? null : ok && isRight(item, text),
				model,
				host,
			};
		}),
	);
	return { rows, loads: await loads.stop() };
}

const percent = (share) => `${Math.round(share * 100)} %`;
const signed = (share) => `${share > 0 ? '+' : '−'}${Math.abs(Math.round(share * 100))} %`;
const table = (lines) => {
	const [head, ...rest] = lines.map((cells) => `| ${cells.join(' | ')} |`);
	console.log([head, `|${lines[0].map(() => '---|').join('')}`, ...rest, ''].join('\n'));
};

function report(contenders, played) {
	const reference = contenders[0].name;
	const seconds = (name, round) =>
		played
			.get(name)
			.rows.filter((row) => round === undefined || row.round === round)
			.map((row) => row.seconds);
	const against = (name, round) => mean(seconds(name, round)) / mean(seconds(reference, round)) - 1;
	const lines = contenders.map(({ name }) => {
		const { rows, loads } = played.get(name);
		const checked = rows.filter(({ right }) => right !== null);
		const each = Array.from({ length: rounds }, (_, round) => against(name, round));
		return [
			name,
			mean(seconds(name)).toFixed(2),
			quantile(seconds(name), 0.5).toFixed(2),
			quantile(seconds(name), 0.95).toFixed(2),
			percent(mean(rows.map(({ ok }) => Number(ok)))),
			loads,
			percent(mean(checked.map(({ right }) => Number(right)))),
			name === reference
				? ''
				: `${signed(against(name))} (${signed(Math.min(...each))} … ${signed(Math.max(...each))})`,
		];
	});
	table([
		['contender', 'mean s', 'p50 s', 'p95 s', 'answered', 'loads', 'right', `mean against the first (by round)`],
		...lines,
	]);
}

const contenders = [];
try {
	const fleet = await startFleet();
	const { hosts, models } = fleet;
	note('calibrating');
	const right = await calibrate(fleet);
	table([
		['kind', models.small, models.large],
		...[...right].map(([name, { small, large }]) => [name, percent(small), percent(large)]),
	]);
	const overall = (size) => mean([...right.values()].map((of) => of[size]));
	const best = overall('large') >= overall('small') ? 'large' : 'small';
	const better = (kind) => models[right.get(kind).large > right.get(kind).small ? 'large' : 'small'];
	const accepted = (kind) => {
		const of = right.get(kind);
		const enough = Math.max(of.small, of.large) - TOLERANCE;
		return ['small', 'large'].filter((size) => of[size] >= enough).map((size) => models[size]);
	};
	const placed = (model) => hosts[model === models.small ? 0 : 1];
	contenders.push(
		fixed('best-quality model', hosts, () => models[best]),
		fixed('best model per task', hosts, better),
		fixed('best model per task, small model on a host of its own', hosts, better, placed),
		fixed('small model', hosts, () => models.small),
		smart('Smart AI', program, hosts, accepted),
	);
	const played = new Map(contenders.map(({ name }) => [name, { rows: [], loads: 0 }]));
	for (let round = 0; round < rounds; round++) {
		const jobs = block(round, models);
		for (let turn = 0; turn < contenders.length; turn++) {
			const contender = contenders[(turn + round) % contenders.length];
			const { rows, loads } = await play(contender, jobs, hosts, round);
			const sum = played.get(contender.name);
			sum.rows.push(...rows);
			sum.loads += loads;
			note(
				`round ${round + 1} of ${rounds}, ${contender.name}: mean ` +
					`${mean(rows.map((row) => row.seconds)).toFixed(2)} s, ${loads} loads`,
			);
		}
	}
	report(contenders, played);
} finally {
	await Promise.all(contenders.map((contender) => contender.close()));
	await stopAll();
}
