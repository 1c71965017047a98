// Smart AI beside a real HAProxy and a real LiteLLM on the same arrivals at the same time: `node bench/run.mjs live`.
// The program `haproxy` (of Debian) must be on the path, LiteLLM where bench/peers/README.md puts it. REPETITIONS
// and SECONDS change how much is measured. KEEP names a folder that holds each repetition: one that is there is not
// measured again, so that a run can be broken off, or be made in parts by ONLY. PROFILE=debug measures a debug build.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { bisect, cumsum } from 'd3-array';
import { randomLogNormal } from 'd3-random';
import getPort from 'get-port';
import { cache, target } from '../paths.mjs';
import { cargo } from './cargo.mjs';
import { gaps, mean, median, quantile, uniform } from './statistics.mjs';
import { table } from './table.mjs';

const REPETITIONS = Number(process.env.REPETITIONS ?? 5);
const SECONDS = Number(process.env.SECONDS ?? 60);
/** Cells to measure, by a pattern of what names them: `GPU /v1.* heavy`. */
const ONLY = new RegExp(process.env.ONLY ?? '');
const PROFILE = process.env.PROFILE ?? 'release';
const { KEEP } = process.env;

/** Three unlike hosts, speed against the fastest one. */
export const SPEEDS = [1, 0.5, 0.25];
/** Their memory holds two of the three models at most. */
export const MEMORY_GB = 14;
export const MODELS = [
	{ name: 'small', size_gb: 2, prefill_tok_per_s: 4_000, decode_tok_per_s: 200, share: 0.5 },
	{ name: 'middle', size_gb: 4.5, prefill_tok_per_s: 2_000, decode_tok_per_s: 100, share: 0.3 },
	{ name: 'large', size_gb: 8, prefill_tok_per_s: 1_000, decode_tok_per_s: 50, share: 0.2 },
];
export const DEVICES = {
	GPU: { gpu: true, parallel: 2, share: false },
	CPU: { gpu: false, parallel: 1, share: true },
};
/** Requests against what the fleet could do if no model were ever loaded. */
export const LOADS = { medium: 0.4, heavy: 0.7 };
const TOKENS = { median: 60, sigma: 0.6, most: 300 };
const PROMPT_TOKENS = { median: 200, sigma: 0.8, most: 2_000 };
export const FORMS = {
	'/api/chat': ({ model, prompt, tokens }) => ({
		model,
		messages: [{ role: 'user', content: prompt }],
		options: { num_predict: tokens },
	}),
	'/v1/chat/completions': ({ model, prompt, tokens }) => ({
		model,
		messages: [{ role: 'user', content: prompt }],
		max_tokens: tokens,
		stream: true,
	}),
	'/v1/messages': ({ model, prompt, tokens }) => ({
		model,
		messages: [{ role: 'user', content: prompt }],
		max_tokens: tokens,
		stream: true,
	}),
};

const LITELLM = join(cache, 'peers', 'litellm', 'bin', 'litellm');

export const title = 'Beside HAProxy and LiteLLM';
export const about = `${SECONDS} s of requests for named models, the same to each side at the same moments,
${REPETITIONS} repetitions.
Each side has three simulated hosts of its own (speeds ${SPEEDS.join(', ')}; ${MEMORY_GB} GB, which do not
hold all three models) and is told nothing but their URLs. HAProxy: leastconn, redispatch, retries on refusals. LiteLLM:
its proxy as it comes (\`simple-shuffle\`) with every model on every host, which serves OpenAI's API alone. Ratios
are Smart AI ÷ the other within a repetition; goals: mean at most 0.6 and p95 at most 0.8 at the median in every cell,
and no repetition above 1.0 in the mean.`;

export async function run() {
	if (spawnSync('haproxy', ['-v']).error) throw new Error('needs HAProxy: apt-get install haproxy');
	if (!existsSync(LITELLM)) throw new Error(`needs LiteLLM at ${LITELLM}: bench/peers/README.md says how`);
	build();
	const rows = [];
	for (const device of Object.keys(DEVICES)) {
		for (const path of Object.keys(FORMS).slice(0, 2)) {
			for (const load of Object.keys(LOADS)) {
				if (ONLY.test(`${device} ${path} ${load}`)) rows.push(await cell({ device, path, load }));
			}
		}
	}
	const figure = (value) => value.toFixed(2);
	const columns = [
		['hosts', 'device'],
		['path', 'path'],
		['load', 'load'],
		['answered: HAProxy', ({ runs }) => share(runs, 'haproxy')],
		['LiteLLM', ({ runs }) => share(runs, 'litellm')],
		['Smart AI', ({ runs }) => share(runs, 'smart')],
		['mean (s): HAProxy', ({ runs }) => middle(runs, 'haproxy', 'mean', figure)],
		['LiteLLM', ({ runs }) => middle(runs, 'litellm', 'mean', figure)],
		['Smart AI', ({ runs }) => middle(runs, 'smart', 'mean', figure)],
		['to HAProxy: mean', ({ runs }) => figure(median(runs, ratio('mean', 'haproxy')))],
		['largest', ({ runs }) => figure(Math.max(...runs.map(ratio('mean', 'haproxy'))))],
		['p95', ({ runs }) => figure(median(runs, ratio('p95', 'haproxy')))],
		['to LiteLLM: mean', ({ runs }) => (runs[0].litellm ? figure(median(runs, ratio('mean', 'litellm'))) : '–')],
		['p95', ({ runs }) => (runs[0].litellm ? figure(median(runs, ratio('p95', 'litellm'))) : '–')],
		['loads: HAProxy', ({ runs }) => middle(runs, 'haproxy', 'loads', String)],
		['LiteLLM', ({ runs }) => middle(runs, 'litellm', 'loads', String)],
		['Smart AI', ({ runs }) => middle(runs, 'smart', 'loads', String)],
	];
	return table(columns, rows);
}

/** Builds what is measured. */
export function build() {
	cargo('build', '--profile', PROFILE === 'debug' ? 'dev' : PROFILE, '--quiet', '-p', 'smart-ai', '-p', 'smart-ai-sim');
}

const ratio = (what, peer) => (sides) => sides.smart[what] / sides[peer][what];

const middle = (runs, side, what, written) =>
	runs[0][side] ? written(median(runs, (sides) => sides[side][what])) : '–';

function share(runs, side) {
	if (!runs[0][side]) return '–';
	const answered = runs.reduce((sum, run) => sum + run[side].answered, 0);
	const asked = runs.reduce((sum, run) => sum + run[side].asked, 0);
	return `${((100 * answered) / asked).toFixed(1)} %`;
}

async function cell({ device, path, load }) {
	const runs = [];
	for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
		const name = `${device}${path.replaceAll('/', '-')}-${load}-${repetition}`;
		runs.push(await kept(name, () => measure({ device, path, load, repetition })));
	}
	return { device, path, load, runs };
}

/** What `measure` gives, now or in an earlier run that kept it. */
async function kept(name, measure) {
	if (KEEP === undefined) return measure();
	const file = join(KEEP, `${name}.json`);
	if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'));
	const measured = await measure();
	mkdirSync(KEEP, { recursive: true });
	writeFileSync(file, JSON.stringify(measured));
	return measured;
}

async function measure({ device, path, load, repetition }) {
	const arrivals = draw(repetition, LOADS[load], device);
	const fronts = { smart, haproxy, ...(path.startsWith('/v1/') && { litellm }) };
	const sides = await Promise.all(Object.values(fronts).map((front) => contender(front, device)));
	try {
		const played = await Promise.all(sides.map((side) => play(side, path, arrivals)));
		const beliefs = await (await fetch(`${sides[0].url}/smart-ai/snapshot`)).json();
		return { ...Object.fromEntries(Object.keys(fronts).map((name, at) => [name, played[at]])), beliefs };
	} finally {
		await Promise.all(sides.map((side) => side.stop()));
	}
}

/** Requests a second that the fleet could answer if every model were loaded everywhere. */
function capacity({ parallel }) {
	const tokens = TOKENS.median * Math.exp(TOKENS.sigma ** 2 / 2);
	const prompt = PROMPT_TOKENS.median * Math.exp(PROMPT_TOKENS.sigma ** 2 / 2);
	const work = MODELS.reduce(
		(sum, model) => sum + model.share * (tokens / model.decode_tok_per_s + prompt / model.prefill_tok_per_s),
		0,
	);
	return (parallel * SPEEDS.reduce((sum, speed) => sum + speed, 0)) / work;
}

/** When each request is sent (s), and what it asks. */
export function draw(seed, load, device) {
	const per_s = load * capacity(DEVICES[device]);
	const random = uniform((seed + 1) / 1_000);
	const gap = gaps(1 / per_s, (seed + 1) / 1_001);
	const length = ({ median, sigma, most }) => {
		const next = randomLogNormal.source(random)(Math.log(median), sigma);
		return () => Math.max(1, Math.min(most, Math.round(next())));
	};
	const [tokens, prompt] = [length(TOKENS), length(PROMPT_TOKENS)];
	const shares = cumsum(MODELS, (model) => model.share).slice(0, -1);
	const arrivals = [];
	for (let at = gap(); at < SECONDS; at += gap()) {
		const model = MODELS[bisect(shares, random())];
		const words = `${arrivals.length} ${'word '.repeat(prompt())}`;
		arrivals.push({ at, model: model.name, prompt: words, tokens: tokens() });
	}
	return arrivals;
}

/** A fleet and what stands before it. */
export async function contender(front, device) {
	const folder = mkdtempSync(join(tmpdir(), 'smart-ai-live-'));
	const models = MODELS.map(({ share: _, ...model }) => ({ ...model, output_tokens: TOKENS.most }));
	const hosts = await Promise.all(
		SPEEDS.map(async (speed, at) => {
			const file = join(folder, `host${at}.json`);
			const config = { ...DEVICES[device], speed, models, memory_gb: MEMORY_GB, fit: 1, disk_gb_per_s: 4 };
			writeFileSync(file, JSON.stringify(config));
			return await start('fake-ollama', ['--config', file]);
		}),
	);
	const { url, stop } = await front(
		folder,
		hosts.map((host) => host.url),
	);
	const loads = async () => {
		const stats = await Promise.all(
			hosts.map(async ({ control_url }) => (await fetch(`${control_url}/control/stats`)).json()),
		);
		return stats.reduce((sum, host) => sum + host.loads, 0);
	};
	const end = () => {
		stop();
		for (const host of hosts) host.stop();
		rmSync(folder, { recursive: true });
	};
	return { url, loads, stop: end };
}

export async function smart(folder, urls) {
	const file = join(folder, 'smart-ai.toml');
	writeFileSync(file, urls.map((url, at) => `[[hosts]]\nid = "h${at}"\nurl = "${url}"\n`).join('\n'));
	const listen = ['--metrics', '127.0.0.1:0', '--proxy', '127.0.0.1:0'];
	const sidecar = await start('smart-ai', ['serve', ...listen, '--json', '--config', file]);
	return { url: sidecar.proxy, stop: sidecar.stop };
}

async function litellm(folder, urls) {
	const port = await getPort({ host: '127.0.0.1' });
	const entries = MODELS.flatMap(({ name }) =>
		urls.map((url) => ({ model_name: name, litellm_params: { model: `ollama_chat/${name}`, api_base: url } })),
	);
	const file = join(folder, 'litellm.yaml');
	// JSON is YAML.
	writeFileSync(file, JSON.stringify({ model_list: entries }));
	const args = ['--config', file, '--host', '127.0.0.1', '--port', String(port), '--telemetry', 'False'];
	const child = spawn(LITELLM, args, { cwd: folder, stdio: ['ignore', 'ignore', 'ignore'] });
	return await serving(child, `http://127.0.0.1:${port}`, '/health/liveliness');
}

export async function haproxy(folder, urls) {
	const file = join(folder, 'haproxy.cfg');
	const port = await getPort({ host: '127.0.0.1' });
	const servers = urls.map((url, at) => `  server h${at} ${new URL(url).host} check`);
	const lines = [
		'defaults',
		'  mode http',
		'  timeout connect 5s',
		'  timeout client 10m',
		'  timeout server 10m',
		'  option redispatch',
		'  retries 3',
		'  retry-on all-retryable-errors',
		'frontend front',
		`  bind 127.0.0.1:${port}`,
		'  default_backend ollama',
		'backend ollama',
		'  balance leastconn',
		'  option httpchk GET /api/version',
		...servers,
	];
	writeFileSync(file, `${lines.join('\n')}\n`);
	const child = spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'ignore'] });
	return await serving(child, `http://127.0.0.1:${port}`, '/api/version');
}

/** A program once it answers. */
async function serving(child, url, path) {
	for (let turn = 0; turn < 600; turn += 1) {
		const up = await fetch(url + path).then(
			(response) => response.ok,
			() => false,
		);
		if (up) return { url, stop: () => child.kill() };
		await sleep(100);
	}
	child.kill();
	throw new Error(`${child.spawnfile} did not start`);
}

/** Starts a program of ours and reads its line of JSON. */
async function start(name, args) {
	const child = spawn(join(target, PROFILE, name), args, { stdio: ['ignore', 'pipe', 'inherit'] });
	const [line] = await once(createInterface(child.stdout), 'line');
	return { ...JSON.parse(line), stop: () => child.kill() };
}

/** Sends the requests as they are due, and waits for all answers. */
export async function play({ url, loads }, path, arrivals) {
	const began = performance.now();
	const seconds = [];
	const ask = async (arrival) => {
		await sleep(arrival.at * 1e3 - (performance.now() - began));
		const sent = performance.now();
		const response = await fetch(url + path, {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body: JSON.stringify(FORMS[path](arrival)),
			signal: AbortSignal.timeout(300_000),
		});
		const text = await response.text();
		const whole = text.includes('"done":true') || text.includes('[DONE]') || text.includes('message_stop');
		if (response.ok && whole) seconds.push((performance.now() - sent) / 1e3);
	};
	await Promise.all(arrivals.map((arrival) => ask(arrival).catch(() => undefined)));
	return {
		asked: arrivals.length,
		answered: seconds.length,
		mean: mean(seconds),
		p95: quantile(seconds, 0.95),
		loads: await loads(),
	};
}
