// What one crossing from Node into the dispatcher costs, in CPU microseconds: a fleet of 10 hosts with 4 models each.
// One job is two crossings: `submit` (a decision over 40 arms and the call) and `succeeded`.
// `node bench/run.mjs crossing`
import { existsSync } from 'node:fs';
import { median } from './statistics.mjs';
import { table } from './table.mjs';

export const title = 'One crossing from Node';
export const about =
	'10 hosts with 4 models each, CPU time: the least of the rounds, which other work on the machine disturbs ' +
	'least, and the median. A step of a job is the mean of `submit` (a decision over 40 arms and the call) and ' +
	'`succeeded`. A planned decision is a dry run on the same fleet once it has answered four requests a host and ' +
	'half of it is busy, so that the choice is played through. Goals: 20 µs a step, 3 ms for a planned decision.';

const HOSTS = 10;
const MODELS = ['phi3:mini', 'llama3.2:3b', 'qwen2.5:7b', 'mistral:7b'];
const ROUNDS = 50;
const JOBS = 400;
const PLANS = 20;

const builds = { wasm: '../wasm/dist/index.mjs', native: '../node-addon/dist/index.mjs' };

const names = Array.from({ length: HOSTS }, (_, at) => `host-${at}`);

function fleet(core) {
	const dispatcher = new core.Dispatcher({ hosts: names.map((id) => ({ id })), models: [], max_attempts: 1 });
	dispatcher.start(0);
	for (const host of names) {
		const models = MODELS.map((name) => ({ name, digest: name, size_bytes: 4e9, parameters: 4e9 }));
		const resident = [{ name: MODELS[0], digest: MODELS[0], size_bytes: 5e9, vram_bytes: 5e9, context_tokens: 8192 }];
		dispatcher.step(1, { type: 'host_state', host, state: { up: { version: '0.24.0', models, resident } } });
		for (const model of MODELS) {
			const known = { capabilities: ['completion'], context_tokens: 8192, parameters: 4e9, kv_bytes_per_token: 1e5 };
			dispatcher.step(1, { type: 'model_state', host, model, state: { known } });
		}
	}
	return dispatcher;
}

/** The same once its rates are learned, with half of the hosts at work. */
function worked(core) {
	const dispatcher = fleet(core);
	let [now, job] = [2, 0];
	const submit = (host, shape) => {
		const request = { task: 'summarize', prompt_tokens: 800, host, shape: `shape-${shape % 6}` };
		job += 1;
		const { effects } = dispatcher.step(now, { type: 'submit', job, request });
		return effects.find(({ type }) => type === 'call').attempt;
	};
	const usage = { prompt_tokens: 800, output_tokens: 120, load_ms: 0, prompt_ms: 60, output_ms: 240, total_ms: 300 };
	for (let round = 0; round < 4; round += 1) {
		for (const [at, host] of names.entries()) {
			const attempt = submit(host, round + at);
			now += 300;
			dispatcher.step(now, { type: 'succeeded', attempt, usage });
		}
	}
	for (let at = 0; at < HOSTS; at += 2) submit(names[at], at);
	return { dispatcher, now: now + 50 };
}

/** CPU microseconds a call: the least and the median of the rounds. */
function timed(run) {
	const rounds = [];
	for (let round = 0; round < ROUNDS; round += 1) {
		const before = process.cpuUsage();
		const calls = run();
		const { user, system } = process.cpuUsage(before);
		rounds.push((user + system) / calls);
	}
	return { least: Math.min(...rounds), median: median(rounds) };
}

function measure(core) {
	const dispatcher = fleet(core);
	const request = { task: 'general', prompt_tokens: 400 };
	const usage = { prompt_tokens: 400, output_tokens: 80, load_ms: 0, prompt_ms: 200, output_ms: 900, total_ms: 1100 };
	const now = 2;
	let job = 0;
	const arms = dispatcher.decide(now, request).candidates.length;
	if (arms !== HOSTS * MODELS.length) throw new Error(`${arms} arms`);
	const tick = () => {
		for (let call = 0; call < JOBS; call += 1) dispatcher.step(now, { type: 'tick' });
		return JOBS;
	};
	const jobs = () => {
		for (let call = 0; call < JOBS; call += 1) {
			job += 1;
			const { effects } = dispatcher.step(now, { type: 'submit', job, request });
			const { attempt } = effects.find(({ type }) => type === 'call');
			dispatcher.step(now, { type: 'succeeded', attempt, usage });
		}
		return JOBS * 2;
	};
	const decide = () => {
		for (let call = 0; call < JOBS; call += 1) dispatcher.decide(now, request);
		return JOBS;
	};
	const learned = worked(core);
	const planned = () => {
		for (let call = 0; call < PLANS; call += 1)
			learned.dispatcher.decide(learned.now, { ...request, task: 'summarize', shape: 'shape-1' });
		return PLANS;
	};
	return { step_us: timed(jobs), tick_us: timed(tick), decide_us: timed(decide), planned_us: timed(planned) };
}

const both = ({ least, median }) => `${least.toFixed(1)}, ${median.toFixed(1)}`;

export async function run() {
	const rows = [];
	for (const [build, path] of Object.entries(builds)) {
		if (!existsSync(new URL(path, import.meta.url))) {
			console.error(`skipped: ${build} is not built; npm run build -w wasm -w node-addon`);
			continue;
		}
		const { core } = await import(path);
		rows.push({ build, ...measure(core) });
	}
	return table(
		[
			['build', 'build'],
			['step of a job, µs', ({ step_us }) => both(step_us)],
			['tick, µs', ({ tick_us }) => both(tick_us)],
			[`\`decide\` with all ${HOSTS * MODELS.length} candidates out, µs`, ({ decide_us }) => both(decide_us)],
			['planned decision, µs', ({ planned_us }) => both(planned_us)],
		],
		rows,
	);
}
