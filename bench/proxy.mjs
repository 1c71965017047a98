// What the sidecar's proxy adds: the same request sent to a simulated host and through the proxy, in turns. `node
// bench/run.mjs proxy`
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { target } from '../paths.mjs';
import { cargo } from './cargo.mjs';
import { median, quantile } from './statistics.mjs';
import { table } from './table.mjs';

export const title = "What the sidecar's proxy adds";
export const about =
	'The same streamed request to one simulated host, direct and through `smart-ai serve`, in turns on kept ' +
	'connections. Request: an answer of one word without service time, 1,000 turns; ' +
	'added is the median of the differences of a turn. Throughput: answers of 400 tokens at 200 tokens a second ' +
	'each, four at a time on each side, in turns; tokens a second from the request to the last byte. ' +
	'Many at once: 32 clients that ask three hosts with room for 16 each for answers of ten tokens in 100 ms, by ' +
	'turns of 320 requests; direct, each client keeps to one host; added is the median of the differences between the ' +
	'medians of a turn, CPU is what the sidecar took. ' +
	'Goals: at most 1 ms a request at the median, at most 3 % of throughput; at 32 at once 5 ms and 0.5 ms of CPU.';

const TURNS = 1000;
const WARM = 50;
const ROUNDS = 6;
const WIDTH = 4;
const MANY = 32;
const MANY_EACH = 10;
const MANY_TURNS = 6;
const MANY_HOSTS = 3;
const agent = new Agent({ keepAlive: true });

/** Where the programs are: a release build, or beside the one that SMART_AI names. */
const programs = process.env.SMART_AI ? dirname(process.env.SMART_AI) : join(target, 'release');

/** Starts a program and reads its line of JSON. */
async function start(name, args) {
	const child = spawn(join(programs, name), args, { stdio: ['ignore', 'pipe', 'inherit'] });
	const [line] = await once(createInterface(child.stdout), 'line');
	return { ...JSON.parse(line), pid: child.pid, stop: () => child.kill() };
}

const startSidecar = (config) => {
	const listeners = ['--metrics', '127.0.0.1:0', '--proxy', '127.0.0.1:0'];
	return start('smart-ai', ['serve', ...listeners, '--json', '--config', config]);
};

/** CPU time of a process so far, in ms: 100 ticks a second. */
function cpu_ms(pid) {
	const [, text] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
	const fields = text.split(' ');
	return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** One streamed generate; its final line. */
function generate(url, model) {
	const body = JSON.stringify({ model, prompt: 'Say hello', keep_alive: -1 });
	return new Promise((resolve, reject) => {
		const outgoing = request(
			`${url}/api/generate`,
			{ method: 'POST', agent, headers: { 'content-type': 'application/json' } },
			async (response) => {
				let text = '';
				for await (const chunk of response) text += chunk;
				if (response.statusCode === 200) resolve(JSON.parse(text.trimEnd().split('\n').at(-1)));
				else reject(new Error(text));
			},
		);
		outgoing.on('error', reject);
		outgoing.end(body);
	});
}

async function timed(work) {
	const began = performance.now();
	const result = await work();
	return { ms: performance.now() - began, result };
}

/** Tokens a second of several answers at a time. */
async function throughput(url) {
	const { ms, result } = await timed(() => Promise.all(Array.from({ length: WIDTH }, () => generate(url, 'steady'))));
	return (result.reduce((total, { eval_count }) => total + eval_count, 0) / ms) * 1e3;
}

/** Both sides in turns; who begins changes each turn. */
async function inTurns(turns, measure, sides) {
	const seen = sides.map(() => []);
	for (let turn = 0; turn < turns; turn += 1) {
		const order = turn % 2 === 0 ? [0, 1] : [1, 0];
		for (const side of order) seen[side].push(await measure(sides[side]));
	}
	return seen;
}

export async function run() {
	if (!process.env.SMART_AI) cargo('build', '--release', '--quiet', '-p', 'smart-ai', '-p', 'smart-ai-sim');
	const folder = mkdtempSync(join(tmpdir(), 'smart-ai-bench-'));
	const config = join(folder, 'host.json');
	const models = [
		{ name: 'quick', answer: 'Hello' },
		{ name: 'steady', output_tokens: 400, decode_tok_per_s: 200 },
	];
	writeFileSync(config, JSON.stringify({ keep_alive: -1, parallel: WIDTH, models }));
	const host = await start('fake-ollama', ['--config', config]);
	const sidecar = await startSidecar(configure(folder, [host.url], WIDTH));
	try {
		const sides = [host.url, sidecar.proxy];
		const request_ms = async (url) => (await timed(() => generate(url, 'quick'))).ms;
		await inTurns(WARM, request_ms, sides);
		const [direct, proxied] = await inTurns(TURNS, request_ms, sides);
		const added = proxied.map((ms, turn) => ms - direct[turn]);
		await inTurns(1, throughput, sides);
		const [directRate, proxiedRate] = await inTurns(ROUNDS, throughput, sides);
		const ratios = proxiedRate.map((rate, round) => rate / directRate[round]);
		const stats = await (await fetch(`${host.control_url}/control/stats`)).json();
		if (stats.loads !== models.length)
			throw new Error(`models were loaded ${stats.loads} times: the turns were not alike`);
		const ms = (value) => value.toFixed(2);
		const rows = [
			{
				what: 'request, ms (p50)',
				direct: ms(median(direct)),
				proxy: ms(median(proxied)),
				difference: `+${ms(median(added))} ms`,
			},
			{
				what: 'request, ms (p95)',
				direct: ms(quantile(direct, 0.95)),
				proxy: ms(quantile(proxied, 0.95)),
				difference: `+${ms(quantile(added, 0.95))} ms`,
			},
			{
				what: 'tokens a second',
				direct: ms(median(directRate)),
				proxy: ms(median(proxiedRate)),
				difference: `${((median(ratios) - 1) * 100).toFixed(2)} %`,
			},
		];
		rows.push(...(await atOnce(folder)));
		const lto = process.env.CARGO_PROFILE_RELEASE_LTO === 'off' ? 'without' : 'with';
		const tables = table(
			[
				['', 'what'],
				['direct', 'direct'],
				['through the proxy', 'proxy'],
				['difference (median of turns)', 'difference'],
			],
			rows,
		);
		return `${tables}\n\nRelease builds of host and sidecar, ${lto} link-time optimization.`;
	} finally {
		sidecar.stop();
		host.stop();
		rmSync(folder, { recursive: true });
	}
}

/** The fleet: hosts that answer as many at a time as they say. */
function configure(folder, urls, parallel) {
	const file = join(folder, 'smart-ai.toml');
	const hosts = urls.map((url, place) => `[[hosts]]\nid = "pc${place}"\nurl = "${url}"\nparallel = ${parallel}\n`);
	writeFileSync(file, hosts.join(''));
	return file;
}

/** Many clients at a time, each with one request after another: the durations. */
async function many(urls) {
	const seen = [];
	const client = async (_, place) => {
		for (let nth = 0; nth < MANY_EACH; nth += 1)
			seen.push((await timed(() => generate(urls[place % urls.length], 'ten'))).ms);
	};
	await Promise.all(Array.from({ length: MANY }, client));
	return seen;
}

async function atOnce(folder) {
	const parallel = MANY / 2;
	const config = join(folder, 'hosts.json');
	const models = [{ name: 'ten', output_tokens: 10, decode_tok_per_s: 100 }];
	writeFileSync(config, JSON.stringify({ keep_alive: -1, parallel, models }));
	const hosts = [];
	for (let count = 0; count < MANY_HOSTS; count += 1) hosts.push(await start('fake-ollama', ['--config', config]));
	const urls = hosts.map(({ url }) => url);
	const sidecar = await startSidecar(configure(folder, urls, parallel));
	try {
		const sides = [urls, [sidecar.proxy]];
		await inTurns(1, many, sides);
		const before_ms = cpu_ms(sidecar.pid);
		const turns = await inTurns(MANY_TURNS, many, sides);
		const cpu = (cpu_ms(sidecar.pid) - before_ms) / (MANY_TURNS * MANY * MANY_EACH);
		const row = (share) => {
			const [direct, proxied] = turns.map((side) => side.map((turn) => quantile(turn, share)));
			const added = median(proxied.map((ms, turn) => ms - direct[turn]));
			const [before, after, difference] = [median(direct), median(proxied), added].map((ms) => ms.toFixed(2));
			const what = `${MANY} at once, ms (p${share * 100})`;
			return { what, direct: before, proxy: after, difference: `+${difference} ms` };
		};
		const cost = { what: 'CPU a request, ms', direct: '', proxy: cpu.toFixed(2), difference: '' };
		return [row(0.5), row(0.95), cost];
	} finally {
		for (const each of [sidecar, ...hosts]) each.stop();
	}
}
