// What an ask adds to a bare HTTP call: both in turns on one warm simulated host that answers in no time. `node
// bench/run.mjs latency`
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { target } from '../paths.mjs';
import { cargo } from './cargo.mjs';
import { median, quantile } from './statistics.mjs';
import { table } from './table.mjs';

export const title = 'What an ask adds to a bare HTTP call';
export const about =
	'The same streamed chat on the same warm model of a simulated host without service time, bare and asked in ' +
	'turns. Added: median of the differences of a turn. Goal: 2 ms.';

const ROUNDS = 1000;
const WARM = 50;
const PROMPT = 'Say hello';
const builds = { 'native addon': '../node-addon/dist/index.mjs', WASM: '../wasm/dist/index.mjs' };

/** A simulated host with one model that answers one word at once. */
async function startHost() {
	cargo('build', '--release', '--quiet', '-p', 'smart-ai-sim');
	cargo('bench', '--quiet', '-p', 'smart-ai', '--bench', 'latency', '--no-run');
	const folder = mkdtempSync(join(tmpdir(), 'smart-ai-bench-'));
	const config = join(folder, 'host.json');
	writeFileSync(config, JSON.stringify({ keep_alive: -1, models: [{ name: 'm', answer: 'Hello' }] }));
	const child = spawn(join(target, 'release', 'fake-ollama'), ['--config', config], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	const [line] = await once(createInterface(child.stdout), 'line');
	rmSync(folder, { recursive: true });
	return { ...JSON.parse(line), stop: () => child.kill() };
}

const agent = new Agent({ keepAlive: true });

function post(url, body) {
	return new Promise((resolve, reject) => {
		const outgoing = request(
			url,
			{ method: 'POST', agent, headers: { 'content-type': 'application/json' } },
			async (response) => {
				let text = '';
				for await (const chunk of response) text += chunk;
				if (response.statusCode === 200) resolve(text);
				else reject(new Error(text));
			},
		);
		outgoing.on('error', reject);
		outgoing.end(body);
	});
}

/** The context an ask runs with: another one in the bare call would reload the model each turn. */
async function contextTokens(host) {
	const { models } = await (await fetch(`${host.url}/api/ps`)).json();
	return models[0].context_length;
}

async function fromNode(path, host) {
	const { createDispatcher } = await import(path);
	const ai = createDispatcher({ hosts: [{ url: host.url }], models: [] });
	const turns = { bare_ms: [], ask_ms: [] };
	try {
		await ai.ask({ prompt: PROMPT });
		const options = { num_ctx: await contextTokens(host) };
		const body = JSON.stringify({
			model: 'm:latest',
			messages: [{ role: 'user', content: PROMPT }],
			stream: true,
			truncate: false,
			options,
		});
		for (let round = 0; round < ROUNDS + WARM; round += 1) {
			const began = performance.now();
			await post(`${host.url}/api/chat`, body);
			const between = performance.now();
			const answer = await ai.ask({ prompt: PROMPT });
			const ended = performance.now();
			if (!answer.ok) throw new Error(answer.error.message);
			if (round < WARM) continue;
			turns.bare_ms.push(between - began);
			turns.ask_ms.push(ended - between);
		}
	} finally {
		ai.close();
	}
	return turns;
}

export async function run() {
	const host = await startHost();
	try {
		const rows = [];
		const row = (engine, { bare_ms, ask_ms }) => {
			rows.push({ engine, bare_ms, ask_ms, added_ms: ask_ms.map((ask, turn) => ask - bare_ms[turn]) });
		};
		for (const [engine, path] of Object.entries(builds)) {
			if (existsSync(new URL(path, import.meta.url))) row(engine, await fromNode(path, host));
			else console.error(`skipped: ${engine} is not built; npm run build -w wasm -w node-addon`);
		}
		const tokens = rows.length > 0 ? await contextTokens(host) : 4096;
		row(
			'Rust engine',
			JSON.parse(
				cargo('bench', '-q', '-p', 'smart-ai', '--bench', 'latency', '--', host.url, String(tokens), String(ROUNDS)),
			),
		);
		const stats = await (await fetch(`${host.control_url}/control/stats`)).json();
		if (stats.loads !== 1) throw new Error(`the model was loaded ${stats.loads} times: the turns were not alike`);
		const ms = (value) => value.toFixed(2);
		return table(
			[
				['engine', 'engine'],
				['bare p50, ms', ({ bare_ms }) => ms(median(bare_ms))],
				['ask p50, ms', ({ ask_ms }) => ms(median(ask_ms))],
				['added p50, ms', ({ added_ms }) => ms(median(added_ms))],
				['added p95, ms', ({ added_ms }) => ms(quantile(added_ms, 0.95))],
			],
			rows,
		);
	} finally {
		host.stop();
	}
}
