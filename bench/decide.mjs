// A decision by number of arms, on the core alone, and what the state takes. `node bench/run.mjs decide`
import { cargo } from './cargo.mjs';
import { table } from './table.mjs';

export const title = 'A decision by number of arms';
export const about = `\`cargo bench -p smart-ai-core\`; four models a host. *Scored* and *planned* are one
\`step(Submit)\` with its effects on a fleet that has answered six requests a host, with half the hosts busy;
*planned* may play a contested choice through, *scored* may not. Times are the fastest run, which other work on the
machine disturbs least, and the median. Goals: scored 3 µs for 40 arms and 80 µs for 1000; planned 1 ms for 40 arms
and 5 ms for 1000; 2 KB of state an arm; no growth over a million jobs.`;

const MICROSECONDS = { ns: 1e-3, µs: 1, ms: 1e3, s: 1e6 };

/**
 * The fastest and the median in microseconds by bench and arms, from divan's tree: `│  ├─ 40   fastest │ slowest │
 * median │ …`.
 */
export function times(text) {
	const found = {};
	let bench;
	for (const line of text.split('\n')) {
		const [, name] = /^[├╰]─ (\w+)/.exec(line) ?? [];
		if (name) bench = found[name] = {};
		const [, arms] = /^[│ ]\s+[├╰]─ (\d+)\s/.exec(line) ?? [];
		if (!arms) continue;
		const cells = line
			.split('│')
			.map((cell) => cell.trim())
			.filter(Boolean);
		const microseconds = (cell) => {
			const [value, unit] = cell.split(' ').slice(-2);
			return Number(value) * MICROSECONDS[unit];
		};
		bench[arms] = { fastest: microseconds(cells[0]), median: microseconds(cells[2]) };
	}
	return found;
}

export async function run() {
	const found = times(cargo('bench', '-p', 'smart-ai-core', '--bench', 'decide'));
	const rows = Object.keys(found.decide).map((arms) => ({ arms }));
	const short = (value) => value.toPrecision(value < 100 ? 2 : 3).replace(/\.0$/, '');
	const of =
		(name) =>
		({ arms }) =>
			`${short(found[name][arms].fastest)}, ${short(found[name][arms].median)}`;
	const taken = table(
		[
			['arms', 'arms'],
			['`decide` (dry run, explained), µs', of('decide')],
			['`step(Submit)`, little known, µs', of('submit')],
			['scored, µs', of('scored')],
			['planned, µs', of('planned')],
		],
		rows,
	);
	return `${taken}\n\n${memory()}`;
}

/** What the state takes by number of arms, and after each part of a million jobs. */
function memory() {
	const { states, soak } = JSON.parse(
		cargo('bench', '-p', 'smart-ai-core', '--bench', 'memory').trim().split('\n').at(-1),
	);
	const sizes = table(
		[
			['arms', 'arms'],
			['heap, bytes an arm', ({ heap_bytes, arms }) => Math.round(heap_bytes / arms)],
			['with half of the hosts at work', ({ at_work_bytes, arms }) => Math.round(at_work_bytes / arms)],
			['snapshot as JSON, bytes an arm', ({ snapshot_bytes, arms }) => Math.round(snapshot_bytes / arms)],
		],
		states,
	);
	const kilobytes = soak.map(({ jobs, heap_bytes }) => `${jobs / 1e6}: ${(heap_bytes / 1e3).toFixed(0)}`);
	return (
		`${sizes}\n\nLive heap in KB after so many million jobs of 5000 shapes (2000 are kept) on 12 arms: ` +
		`${kilobytes.join(', ')}.`
	);
}
