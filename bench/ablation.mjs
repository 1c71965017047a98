// What each idea of the score is worth. `node bench/run.mjs ablation`
import { percent, play } from './scenarios.mjs';
import { mean } from './statistics.mjs';
import { table } from './table.mjs';

const SEEDS = '0..6';
const WITHOUT = {
	'the load term': 'load=0',
	interference: 'interference=0',
	'harm to others': 'harm=0',
	'reload cost': 'reload=0',
	'risk of failing': 'risk=0',
	'slowness seen in calls': 'overdue=0',
	'change detection': 'change=false',
	'holding jobs back': 'hold=false',
	'taking turns': 'turns=0',
	reserving: 'reserve=0',
	ageing: 'age=0',
	'keeping by worth': 'keep_alive=0',
};

export const title = 'What each idea is worth';
export const about =
	`Mean latency without one idea against the whole score (\`greedy\`, no look-ahead), seeds ${SEEDS}; above zero, ` +
	'the idea pays. Differences under about 3 % are chance. The last column is what looking ahead adds to the whole ' +
	'score.';

export async function run() {
	const variants = Object.values(WITHOUT).map((weights) => `greedy:${weights}`);
	const reports = play(['greedy', ...variants, 'smart'], SEEDS);
	const whole = (report) => report.policies[0].mean_s;
	const rows = [...reports, null];
	const change = (index) => (report) =>
		percent(
			report === null
				? mean(reports.map((each) => each.policies[index].mean_s / whole(each) - 1))
				: report.policies[index].mean_s / whole(report) - 1,
		);
	return table(
		[
			['scenario', (report) => report?.name ?? 'average'],
			...Object.keys(WITHOUT).map((name, index) => [`without ${name}`, change(index + 1)]),
			['with look-ahead', change(variants.length + 1)],
		],
		rows,
	);
}
