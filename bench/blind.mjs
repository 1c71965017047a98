// Smart AI where nobody describes the hosts, on every scenario of bench/blind. `node bench/run.mjs blind`
import { percent, play } from './scenarios.mjs';
import { table } from './table.mjs';

const SEEDS = '0..6';

export const title = 'What nobody tells';
export const about = `\`smart-ai simulate\` on every file of bench/blind, seeds ${SEEDS}. What Smart AI is not told
and has to find out is the field \`blind\` of each: memory, durations (as over OpenAI's API, where only pieces can be
timed), slots. Goal: regret to the clairvoyant, who knows everything, of at most 10 % on each.`;

export async function run() {
	const of = (report, name) => report.policies.find((policy) => policy.name === name);
	const seconds = (name, field) => (report) => of(report, name)[field].toFixed(2);
	return table(
		[
			['scenario', 'name'],
			['regret, smart', (report) => percent(of(report, 'smart').regret)],
			['regret, least-connections', (report) => percent(of(report, 'least-connections').regret)],
			['mean seconds', seconds('smart', 'mean_s')],
			['p95 seconds', seconds('smart', 'p95_s')],
			['p99 seconds', seconds('smart', 'p99_s')],
			['loads', seconds('smart', 'loads')],
		],
		play(['smart', 'least-connections'], SEEDS, 'blind'),
	);
}
