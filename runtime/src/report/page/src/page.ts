// Puts the page together: what matters first, each chart under one sentence that says what it shows.
import { calibration, type Chart, choices, courses, fallbacks, groups, latency, memory, success, WENT } from './charts';
import type { Actions, Report } from './report';
import { count, did, percent, seconds, when } from './words';

const report = JSON.parse(part('data').textContent) as Report;
const main = part('report');

/** The element of the page's frame that has this id. */
function part(id: string): HTMLElement {
	const found = document.getElementById(id);
	if (found === null) throw new Error(`the page has no element ${id}`);
	return found;
}

function element(tag: string, text = '', className = ''): HTMLElement {
	const made = document.createElement(tag);
	made.textContent = text;
	if (className) made.className = className;
	return made;
}

/** Draws anew whenever its place becomes wider or narrower. */
function drawn(chart: Chart): HTMLElement {
	const place = element('div', '', 'chart');
	let last = 0;
	new ResizeObserver(() => {
		const width = Math.round(place.getBoundingClientRect().width);
		if (width === 0 || width === last) return;
		last = width;
		place.replaceChildren(chart(width));
	}).observe(place);
	return place;
}

const key = (entries: Record<string, string>) => {
	const made = element('div', '', 'key');
	for (const [name, colour] of Object.entries(entries)) {
		const label = element('span');
		const patch = element('i');
		patch.style.background = colour;
		label.append(patch, name);
		made.append(label);
	}
	return made;
};

function card(title: string, sentence: string, parts: HTMLElement[], wide = false): HTMLElement {
	const made = element('section', '', wide ? 'wide' : '');
	made.append(element('h2', title), element('p', sentence), ...parts);
	return made;
}

function tiles(): HTMLElement {
	const {
		all,
		calibration: { within_quarter },
		fallbacks: { saved },
		replay,
	} = report;
	const made = element('div', '', 'tiles');
	const tile = (value: string, what: string, mood = '') => {
		const one = element('div', '', `tile ${mood}`);
		one.append(element('b', value), element('span', what));
		made.append(one);
	};
	const answered = all.answered / all.jobs;
	tile(percent(answered), 'of the jobs were answered', answered >= 0.99 ? 'good' : 'bad');
	tile(seconds(all.p50_s), 'is what half of them took at most');
	tile(seconds(all.p95_s), 'is what 95 % took at most');
	tile(percent(within_quarter), 'of the predictions were within a quarter');
	tile(count(saved, 'job'), 'were saved by a second call');
	if (replay)
		tile(
			versus(replay),
			'as long with a fixed host for each model',
			of(replay, 'static').mean_s > of(replay, 'smart').mean_s ? 'good' : '',
		);
	return made;
}

function of({ policies }: NonNullable<Report['replay']>, name: string) {
	const found = policies.find((policy) => policy.name === name);
	if (found === undefined) throw new Error(`the report has no policy ${name}`);
	return found;
}

const versus = (replay: NonNullable<Report['replay']>) =>
	`${(of(replay, 'static').mean_s / of(replay, 'smart').mean_s).toFixed(1)} ×`;

function fallbackCard(): HTMLElement {
	const { saved, mean_delay_s, causes } = report.fallbacks;
	if (causes.length === 0) return card('What second calls saved', 'No call failed, so none was needed.', []);
	const failed = causes.reduce((sum, { jobs }) => sum + jobs, 0);
	return card(
		'What second calls saved',
		`The first call of ${count(failed, 'job')} failed; ${saved} were answered by another arm, ` +
			`${seconds(mean_delay_s)} later on average.`,
		[drawn(fallbacks(report)), key({ 'answered all the same': 'var(--good)', 'not answered': 'var(--bad)' })],
	);
}

function rolloutCard(): HTMLElement[] {
	const { rollout } = report;
	if (!rollout) return [];
	const { jobs, switched, expected, saved, named } = rollout;
	const time = (share: number) => `${percent(Math.abs(share))} ${share < 0 ? 'more' : 'less'} time`;
	const none = 'Not both sides have answered jobs alike yet.';
	const measured = saved === null ? none : `It took ${time(saved)} where both sides answered.`;
	return [
		card(
			'Beside the model that is named',
			`${count(jobs, 'job')} named ${named.join(', ')} with a rollout; for ${switched} of them Smart AI chose. ` +
				`Its choice was expected to take ${time(expected)}. ${measured}`,
			[],
		),
	];
}

function lifecycleCard(): HTMLElement[] {
	const { lifecycle } = report;
	if (lifecycle.length === 0) return [];
	const line = ({ action, dry_run, done, failed, gb, why }: Actions) => {
		const times = `${did(action, dry_run)} ${count(done, 'time')}`;
		const size = gb > 0 ? `, ${gb.toFixed(1)} GB in all` : '';
		const faults = failed > 0 ? `, and ${count(failed, 'time')} in vain` : '';
		return element('p', `${times}${size}${faults}. The last: ${why}.`, 'done');
	};
	return [
		card('What came and went by itself', 'Models and hosts, each with the reason of the last.', lifecycle.map(line)),
	];
}

function replayCards(): HTMLElement[] {
	const { replay } = report;
	if (!replay) return [];
	const smart = of(replay, 'smart');
	const fixed = of(replay, 'static');
	const played =
		`${count(replay.scenario.requests, 'job')} like these, each for the model that answered it, played in the ` +
		'simulator on hosts and models as measured here';
	const off = smart.mean_s / replay.actual_mean_s;
	const trust =
		off > 0.67 && off < 1.5
			? `There Smart AI takes ${seconds(smart.mean_s)}; really, it took ${seconds(replay.actual_mean_s)}.`
			: `Take it with care: there Smart AI takes ${seconds(smart.mean_s)}, but really it took ` +
				`${seconds(replay.actual_mean_s)}.`;
	const cost =
		fixed.mean_s > smart.mean_s * 1.02
			? `A fixed host for each model takes ${versus(replay)} as long`
			: 'A fixed host for each model would have been as good';
	const idle = (whole: number) => Math.max(0, whole - replay.busy_gb_hours);
	const kept = 1 - idle(smart.resident_gb_hours) / idle(replay.always_gb_hours);
	return [
		card('What a fixed choice would have cost', `${cost}: ${played}. ${trust}`, [drawn(choices(replay))]),
		card(
			'Idle memory',
			`${kept > 0 ? `${percent(kept)} less` : 'No less'} lies idle than with every model always loaded on every ` +
				`host; ${count(Math.round(smart.loads), 'load')} against ${Math.round(fixed.loads)} of the fixed choice. ` +
				`Sizes are told by the models' names.`,
			[drawn(memory(replay)), key({ answering: 'var(--main)', idle: 'var(--idle)' })],
		),
	];
}

const header = element('header');
header.append(
	element('h1', 'Smart AI: what became of your jobs'),
	element(
		'p',
		`${count(report.all.jobs, 'job')}, ${when(report.from_ms)} to ${when(report.to_ms)}, ` +
			`${report.all.output_tokens.toLocaleString('en')} tokens written`,
	),
);

const { median_error } = report.calibration;
const cards = element('div', '', 'cards');
cards.append(
	card(
		'Time and success',
		'The line: half of the jobs took at most this long. The band reaches up to what 95 % took. Below: jobs, and ' +
			'in red those not answered.',
		[
			drawn(latency(report)),
			drawn(success(report)),
			key({ 'half took at most': 'var(--main)', answered: 'var(--good)', 'not answered': 'var(--bad)' }),
		],
		true,
	),
	card(
		'Models over time',
		'Seconds. The line: half took at most this long; the band: 95 %. Red: times in which jobs were not answered.',
		[drawn(courses(report.model_courses))],
	),
	card('Kinds of work over time', 'The same, by task.', [drawn(courses(report.task_courses))]),
	card(
		'Who answered',
		'Bars: half took at most this long; whiskers: 95 %. Right: jobs, and how many were answered; one that was not ' +
			'counts for who was called last.',
		[drawn(groups(report.arms))],
	),
	card('By kind of work', 'The same, by task.', [drawn(groups(report.tasks))]),
	card(
		'Predicted and actual',
		`Half of the predictions were off by less than ${percent(median_error)} in the later half. On the dashed line ` +
			'they are right; in the band within a quarter.',
		[drawn(calibration(report)), key(WENT)],
	),
	fallbackCard(),
	...rolloutCard(),
	...lifecycleCard(),
	...replayCards(),
);
main.append(
	header,
	tiles(),
	cards,
	element('footer', 'Made by smart-ai report. The page holds all it shows and asks the network for nothing.'),
);
