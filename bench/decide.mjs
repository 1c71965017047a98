// A decision by number of arms, on the core alone. `node bench/run.mjs decide`
import { cargo } from './cargo.mjs';
import { table } from './table.mjs';

export const title = 'A decision by number of arms';
export const about = '`cargo bench -p smart-ai-core --bench decide`; four models a host, three calls under way. Goal: 5 µs for 40 arms.';

const MICROSECONDS = { ns: 1e-3, µs: 1, ms: 1e3, s: 1e6 };

/** Medians in microseconds by bench and arms, from divan's tree: `│  ├─ 40   fastest │ slowest │ median │ …`. */
export function medians(text) {
	const found = {};
	let bench;
	for (const line of text.split('\n')) {
		const [, name] = /^[├╰]─ (\w+)/.exec(line) ?? [];
		if (name) bench = found[name] = {};
		const [, arms] = /^[│ ]\s+[├╰]─ (\d+)\s/.exec(line) ?? [];
		if (!arms) continue;
		const [value, unit] = line.split('│').map((cell) => cell.trim()).filter(Boolean)[2].split(' ');
		bench[arms] = Number(value) * MICROSECONDS[unit];
	}
	return found;
}

export async function run() {
	const { decide, submit } = medians(cargo('bench', '-p', 'smart-ai-core', '--bench', 'decide'));
	const rows = Object.keys(decide).map((arms) => ({ arms, decide: decide[arms], submit: submit[arms] }));
	const short = (value) => value.toPrecision(value < 100 ? 2 : 3).replace(/\.0$/, '');
	return table([
		['arms', 'arms'],
		['`decide` (dry run, explained), µs', ({ decide }) => short(decide)],
		['`step(Submit)` with its effects, µs', ({ submit }) => short(submit)],
	], rows);
}
