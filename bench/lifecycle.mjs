// What a decision costs more where models come and go by themselves. `node bench/run.mjs lifecycle`
import { cargo } from './cargo.mjs';
import { percent } from './scenarios.mjs';
import { table } from './table.mjs';

export const title = 'A decision with lifecycle on';
export const about = `\`cargo bench -p smart-ai-core --bench lifecycle\`: the fleets of decide, four models a host, with
\`lifecycle.mode\` off and on, in turn, 1001 times each; medians. A *decision* is one \`step(Submit)\` with its effects;
a *job* is that and the \`step(Succeeded)\` of its call, after which it is weighed what may leave. Goal: a decision
within 5 % of off.`;

export async function run() {
	const rows = JSON.parse(cargo('bench', '-p', 'smart-ai-core', '--bench', 'lifecycle').trim().split('\n').at(-1));
	const microseconds = (key) => (row) => (row[key] / 1e3).toFixed(1);
	const more = (what) => (row) => percent(row[`${what}_on`] / row[`${what}_off`] - 1);
	return table(
		[
			['arms', 'arms'],
			['looks ahead', ({ planned }) => (planned ? 'yes' : 'no')],
			['decision off, µs', microseconds('decision_off')],
			['on, µs', microseconds('decision_on')],
			['more', more('decision')],
			['job off, µs', microseconds('job_off')],
			['on, µs', microseconds('job_on')],
			['more', more('job')],
		],
		rows,
	);
}
