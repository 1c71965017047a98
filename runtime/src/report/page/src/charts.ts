// Every chart as a function of its width. Colours are the page's own, so that light and dark need no second drawing.
import * as Plot from '@observablehq/plot';
import type { Course, Dot, Group, Report, Slice } from './report';
import { count, failure, percent, policy, seconds } from './words';

export type Chart = (width: number) => Element;

const NARROW = 480;
/** An axis' name stands under its numbers, never between them. */
const below = { labelOffset: 40 };
const base = (width: number) => ({
	width,
	marginLeft: width < NARROW ? 44 : 54,
	style: { background: 'none', overflow: 'visible' },
});

export const WENT: Record<Dot['went'], string> = {
	'at once': 'var(--main)',
	waited: 'var(--second)',
	'loaded its model': 'var(--third)',
};

export const latency =
	({ timeline }: Report): Chart =>
	(width) => {
		const answered = timeline.filter(({ answered }) => answered > 0);
		const time = ({ at_ms }: { at_ms: number }) => new Date(at_ms);
		return Plot.plot({
			...base(width),
			height: 280,
			x: { type: 'time', label: null },
			y: { label: 'seconds', grid: true, zero: true, nice: true },
			marks: [
				Plot.areaY(answered, {
					x: time,
					y1: 'p50_s',
					y2: 'p95_s',
					fill: 'var(--main)',
					fillOpacity: 0.16,
					curve: 'monotone-x',
				}),
				Plot.lineY(answered, { x: time, y: 'p95_s', stroke: 'var(--main)', strokeOpacity: 0.45, curve: 'monotone-x' }),
				Plot.lineY(answered, { x: time, y: 'p50_s', stroke: 'var(--main)', strokeWidth: 2.5, curve: 'monotone-x' }),
				Plot.dot(answered, { x: time, y: 'p50_s', r: 1.8, fill: 'var(--main)' }),
				Plot.ruleY([0], { stroke: 'var(--line)' }),
				Plot.tip(
					answered,
					Plot.pointerX({
						x: time,
						y: 'p50_s',
						fill: 'var(--card)',
						stroke: 'var(--line)',
						title: (slice: Group) =>
							`half within ${seconds(slice.p50_s)}\n95 % within ${seconds(slice.p95_s)}\n${slice.jobs} jobs`,
					}),
				),
			],
		});
	};

export const success =
	({ timeline }: Report): Chart =>
	(width) => {
		const gaps = timeline.flatMap(({ at_ms }, index) => {
			const next = timeline[index + 1];
			return next === undefined ? [] : [next.at_ms - at_ms];
		});
		const length = gaps.length > 0 ? Math.min(...gaps) : 1000;
		const spans = timeline.map((slice) => ({
			from: new Date(slice.at_ms - length / 2.2),
			to: new Date(slice.at_ms + length / 2.2),
			...slice,
		}));
		return Plot.plot({
			...base(width),
			height: 110,
			x: { type: 'time', label: null },
			y: { label: 'jobs', grid: true, ticks: 3 },
			marks: [
				Plot.rectY(spans, { x1: 'from', x2: 'to', y1: 0, y2: 'answered', fill: 'var(--good)', fillOpacity: 0.8 }),
				Plot.rectY(spans, { x1: 'from', x2: 'to', y1: 'answered', y2: 'jobs', fill: 'var(--bad)' }),
				Plot.ruleY([0], { stroke: 'var(--line)' }),
			],
		});
	};

/** One below the other, on the same axes. Roots of seconds, so that short jobs are seen beside long ones. */
export const courses =
	(rows: Course[]): Chart =>
	(width) => {
		const slices = rows.flatMap(({ name, slices }) =>
			slices.map((slice) => ({ ...slice, course: name, at: new Date(slice.at_ms) })),
		);
		const answered = slices.filter(({ answered }) => answered > 0);
		const failed = slices.filter(({ answered, jobs }) => answered < jobs);
		const sum = (slices: Slice[], of: 'jobs' | 'answered') => slices.reduce((total, slice) => total + slice[of], 0);
		const named = rows.map(({ name, slices }) => {
			const [jobs, answered] = [sum(slices, 'jobs'), sum(slices, 'answered')];
			return {
				course: name,
				text: `${name} · ${count(jobs, 'job')}${answered < jobs ? ` · ${percent(answered / jobs)} answered` : ''}`,
			};
		});
		const over = { fy: 'course', x: 'at' };
		return Plot.plot({
			...base(width),
			marginTop: 26,
			height: 60 + 100 * rows.length,
			x: { type: 'time', label: null },
			y: { type: 'sqrt', label: null, grid: true, zero: true, ticks: 3 },
			fy: { domain: rows.map(({ name }) => name), axis: null, padding: 0.32 },
			marks: [
				Plot.areaY(answered, {
					...over,
					y1: 'p50_s',
					y2: 'p95_s',
					fill: 'var(--main)',
					fillOpacity: 0.16,
					curve: 'monotone-x',
				}),
				Plot.lineY(answered, { ...over, y: 'p50_s', stroke: 'var(--main)', strokeWidth: 2, curve: 'monotone-x' }),
				Plot.dot(answered, { ...over, y: 'p50_s', r: 1.6, fill: 'var(--main)' }),
				Plot.ruleY([0], { stroke: 'var(--line)' }),
				Plot.dot(failed, {
					...over,
					frameAnchor: 'bottom',
					r: 3.5,
					fill: 'var(--bad)',
					fillOpacity: ({ answered, jobs }) => 1 - 0.5 * (answered / jobs),
				}),
				Plot.text(named, {
					fy: 'course',
					text: 'text',
					frameAnchor: 'top-left',
					dy: -17,
					fontWeight: 600,
					fill: 'var(--ink)',
				}),
				Plot.tip(
					slices,
					Plot.pointerX({
						...over,
						y: 'p50_s',
						fill: 'var(--card)',
						stroke: 'var(--line)',
						title: (slice: Slice) =>
							`half within ${seconds(slice.p50_s)}\n95 % within ${seconds(slice.p95_s)}\n${slice.answered} of ` +
							`${count(slice.jobs, 'job')} answered`,
					}),
				),
			],
		});
	};

const wrapped = (width: number, names: string[]) =>
	Math.min(width * 0.42, 12 + 6.6 * Math.max(...names.map((name) => name.length)));
/** A name that fits its room; the whole of it is shown under the pointer. */
const cut = (room: number) => (name: string) =>
	name.length * 6.6 > room ? `${name.slice(0, Math.floor(room / 6.6) - 1)}…` : name;

export const groups =
	(rows: Group[]): Chart =>
	(width) => {
		const shown = rows.slice(0, 12);
		const room = wrapped(
			width,
			shown.map(({ name }) => name),
		);
		const widest = Math.max(...shown.map(({ p95_s }) => p95_s), 1e-3);
		return Plot.plot({
			...base(width),
			marginLeft: room,
			marginRight: 84,
			marginBottom: 44,
			height: 64 + 34 * shown.length,
			x: { label: 'seconds', ...below, grid: true, domain: [0, widest], ticks: width < NARROW ? 4 : 6 },
			y: { label: null, domain: shown.map(({ name }) => name), tickSize: 0, tickFormat: cut(room - 8) },
			marks: [
				Plot.barX(shown, { y: 'name', x: 'p50_s', fill: 'var(--main)', insetTop: 3, insetBottom: 3, rx: 2 }),
				Plot.ruleY(shown, {
					y: 'name',
					x1: 'p50_s',
					x2: 'p95_s',
					stroke: 'var(--main)',
					strokeOpacity: 0.5,
					strokeWidth: 2,
				}),
				Plot.tickX(shown, {
					y: 'name',
					x: 'p95_s',
					stroke: 'var(--main)',
					strokeOpacity: 0.7,
					insetTop: 9,
					insetBottom: 9,
				}),
				Plot.text(shown, {
					y: 'name',
					x: () => widest,
					dx: 8,
					textAnchor: 'start',
					fill: 'var(--soft)',
					text: ({ jobs, answered }: Group) =>
						answered === jobs ? `${jobs}` : `${jobs} · ${percent(answered / jobs)}`,
				}),
				Plot.ruleX([0], { stroke: 'var(--line)' }),
				Plot.tip(
					shown,
					Plot.pointerY({
						y: 'name',
						x: 'p50_s',
						fill: 'var(--card)',
						stroke: 'var(--line)',
						title: (row: Group) =>
							`${row.name}\nhalf within ${seconds(row.p50_s)}, 95 % within ${seconds(row.p95_s)}\nbegins after ` +
							`${seconds(row.first_p50_s)}\n${row.jobs} jobs, ${percent(row.answered / row.jobs)} answered`,
					}),
				),
			],
		});
	};

export const calibration =
	({ calibration: { dots } }: Report): Chart =>
	(width) => {
		const values = dots.flatMap(({ predicted_s, actual_s }) => [predicted_s, actual_s]);
		const domain = [Math.min(...values) * 0.8, Math.max(...values) * 1.25] as [number, number];
		const diagonal = domain.map((at) => ({ at }));
		const axis = { type: 'log' as const, domain, ticks: 4, tickFormat: (value: number) => `${+value.toPrecision(2)}` };
		return Plot.plot({
			...base(width),
			height: Math.min(width, 420),
			x: { ...axis, label: 'predicted seconds' },
			y: { ...axis, label: 'actual seconds', grid: true },
			marks: [
				Plot.areaY(diagonal, {
					x: 'at',
					y1: ({ at }) => at / 1.25,
					y2: ({ at }) => at / 0.75,
					fill: 'var(--band)',
					clip: true,
				}),
				Plot.line(diagonal, { x: 'at', y: 'at', stroke: 'var(--soft)', strokeDasharray: '4 4' }),
				Plot.dot(dots, {
					x: 'predicted_s',
					y: 'actual_s',
					r: dots.length > 400 ? 2 : 3,
					fill: ({ went }: Dot) => WENT[went],
					fillOpacity: 0.55,
				}),
				Plot.tip(
					dots,
					Plot.pointer({
						x: 'predicted_s',
						y: 'actual_s',
						fill: 'var(--card)',
						stroke: 'var(--line)',
						title: (dot: Dot) =>
							`${dot.model}, ${dot.went}\npredicted ${seconds(dot.predicted_s)}, took ${seconds(dot.actual_s)}`,
					}),
				),
			],
			color: { type: 'identity' },
		});
	};

export const fallbacks =
	({ fallbacks: { causes } }: Report): Chart =>
	(width) => {
		const bars = causes.flatMap(({ word, jobs, saved }) => [
			{ cause: failure(word), from: 0, to: saved, colour: 'var(--good)' },
			{ cause: failure(word), from: saved, to: jobs, colour: 'var(--bad)' },
		]);
		const room = wrapped(
			width,
			causes.map(({ word }) => word),
		);
		return Plot.plot({
			...base(width),
			marginLeft: room,
			marginRight: 40,
			marginBottom: 44,
			height: 64 + 32 * causes.length,
			x: { label: 'jobs', grid: true, ticks: 5, ...below },
			y: { label: null, tickSize: 0, tickFormat: cut(room - 8) },
			color: { type: 'identity' },
			marks: [
				Plot.barX(bars, { y: 'cause', x1: 'from', x2: 'to', fill: 'colour', insetTop: 3, insetBottom: 3 }),
				Plot.ruleX([0], { stroke: 'var(--line)' }),
			],
		});
	};

/** Bars of one number each, the one of Smart AI in its own colour. */
const compared =
	(rows: { name: string; value: number }[], unit: string, say: (value: number) => string): Chart =>
	(width) => {
		const room = wrapped(
			width,
			rows.map(({ name }) => name),
		);
		return Plot.plot({
			...base(width),
			marginLeft: room,
			marginRight: 66,
			marginBottom: 44,
			height: 64 + 36 * rows.length,
			x: { label: unit, ...below, grid: true, ticks: width < NARROW ? 3 : 5, zero: true },
			y: { label: null, domain: rows.map(({ name }) => name), tickSize: 0, tickFormat: cut(room - 8) },
			color: { type: 'identity' },
			marks: [
				Plot.barX(rows, {
					y: 'name',
					x: 'value',
					insetTop: 4,
					insetBottom: 4,
					rx: 2,
					fill: ({ name }) => (name === policy('smart') ? 'var(--main)' : 'var(--soft)'),
					fillOpacity: ({ name }) => (name === policy('smart') ? 1 : 0.55),
				}),
				Plot.text(rows, { y: 'name', x: 'value', dx: 6, textAnchor: 'start', text: ({ value }) => say(value) }),
				Plot.ruleX([0], { stroke: 'var(--line)' }),
			],
		});
	};

type Replay = NonNullable<Report['replay']>;

export const choices = ({ policies }: Replay): Chart =>
	compared(
		policies.map(({ name, mean_s }) => ({ name: policy(name), value: mean_s })),
		'mean seconds of a job',
		seconds,
	);

/** What answered, and what was only there. */
export const memory =
	({ policies, always_gb_hours, busy_gb_hours }: Replay): Chart =>
	(width) => {
		const rows = [
			{ name: 'all models always loaded', whole: always_gb_hours },
			...policies
				.filter(({ name }) => name !== 'clairvoyant')
				.map(({ name, resident_gb_hours }) => ({ name: policy(name), whole: resident_gb_hours })),
		];
		const room = wrapped(
			width,
			rows.map(({ name }) => name),
		);
		const bars = rows.flatMap(({ name, whole }) => [
			{ name, from: 0, to: Math.min(busy_gb_hours, whole), colour: 'var(--main)' },
			{ name, from: Math.min(busy_gb_hours, whole), to: whole, colour: 'var(--idle)' },
		]);
		return Plot.plot({
			...base(width),
			marginLeft: room,
			marginRight: 66,
			marginBottom: 44,
			height: 64 + 36 * rows.length,
			x: {
				label: 'gigabytes of models in memory × hours',
				...below,
				grid: true,
				ticks: width < NARROW ? 3 : 5,
				zero: true,
			},
			y: { label: null, domain: rows.map(({ name }) => name), tickSize: 0, tickFormat: cut(room - 8) },
			color: { type: 'identity' },
			marks: [
				Plot.barX(bars, { y: 'name', x1: 'from', x2: 'to', insetTop: 4, insetBottom: 4, fill: 'colour' }),
				Plot.text(rows, {
					y: 'name',
					x: 'whole',
					dx: 6,
					textAnchor: 'start',
					text: ({ whole }) => `${+whole.toPrecision(3)}`,
				}),
				Plot.ruleX([0], { stroke: 'var(--line)' }),
			],
		});
	};
