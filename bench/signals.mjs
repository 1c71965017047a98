// What metrics are worth where others use the hosts too. `node bench/run.mjs signals`
import { percent, play } from './scenarios.mjs';
import { table } from './table.mjs';

const SEEDS = '0..6';
const [WITH, WITHOUT] = ['smart', 'smart:metrics=off'];

export const title = 'What Prometheus tells that Ollama cannot';
export const about = `\`smart-ai simulate\` on the files of bench/signals, seeds ${SEEDS}: others take 85 % of a
host's CPU, most of its memory (a model that then does not fit works five times slower), or both, now here and now
there; and, for comparison, nothing. With and without the metrics, on the same requests. Both learn from every
answer, which alone shows a stolen CPU soon; stolen memory shows only in metrics before it costs a request.`;

export async function run() {
	const reports = play([WITH, WITHOUT, 'least-connections'], SEEDS, 'signals');
	const of = ({ policies }, name) => policies.find((policy) => policy.name === name);
	const gain = (key) => (report) => percent(of(report, WITH)[key] / of(report, WITHOUT)[key] - 1);
	return table(
		[
			['scenario', 'name'],
			['mean s with metrics', (report) => of(report, WITH).mean_s.toFixed(2)],
			['without', (report) => of(report, WITHOUT).mean_s.toFixed(2)],
			['mean', gain('mean_s')],
			['p95', gain('p95_s')],
			['p99', gain('p99_s')],
			['least-connections, mean s', (report) => of(report, 'least-connections').mean_s.toFixed(2)],
		],
		reports,
	);
}
