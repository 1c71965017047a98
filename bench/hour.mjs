// An hour of use of two real Ollama servers, four times as fast: one behind Smart AI with its lifecycle, one alone.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { randomLogNormal } from 'd3-random';
import { need, scratchFolder, stopAll, until } from '../tests/e2e/bed/index.mjs';
import { build, startSidecar } from '../tests/e2e/serve/sidecar.mjs';
import { mean, quantile, uniform } from './statistics.mjs';
import { table } from './table.mjs';

/** Seconds of the hour in one second here. */
const SPEED = 4;
const HOURS = Number(process.env.HOURS ?? 1);
const SEED = Number(process.env.SEED ?? 0);
const HOUR_S = 3_600 / SPEED;
const SAMPLE_MS = 500;
/** These models are a tenth of those that people use, in gigabytes. */
const SMALLER = 10;
/** Sessions an hour; questions of one; median and sigma of the seconds from an answer's beginning to the next. */
const PATTERNS = [
	{ model: 'smollm2', sessions: 3, questions: [3, 7], gap_s: [60, 0.7] },
	{ model: 'gemma3', sessions: 2, questions: [3, 6], gap_s: [90, 0.7] },
	{ model: 'random1b', sessions: 2, questions: [4, 6], gap_s: [5, 0.3] },
];
const LIFECYCLE = {
	mode: '"on"',
	wait_price: (160 / SPEED / SMALLER).toFixed(1),
	min_resident_s: Math.ceil(30 / SPEED),
	max_idle_s: 3_600 / SPEED,
};
const KEPT_S = 300 / SPEED;

export const title = 'An hour on real Ollama';
export const about = `${HOURS} hour of use of three small models, four times as fast, on two real Ollama 0.24
servers at the same time: one behind \`smart-ai serve\` with its lifecycle on, one alone. Each question goes to both,
one after the other, the first in turn. Every time is a ${SPEED}th of its usual value (Ollama's own \`keep_alive\`
${KEPT_S} s for five minutes, \`min_resident_s\` ${LIFECYCLE.min_resident_s}, \`max_idle_s\` ${LIFECYCLE.max_idle_s});
\`wait_price\` is ${LIFECYCLE.wait_price} for 160, since these models are a tenth of usual ones, too. A load takes its
real time. *Resident* is what \`/api/ps\` of the servers themselves shows, asked every ${SAMPLE_MS} ms, in gigabytes
times seconds; *idle* is what of it nobody used. Nothing is known when the hour begins.`;

export async function run() {
	const { models, ollama } = { models: await need('models'), ollama: await need('ollama') };
	const { folder, tags } = await models.install();
	const program = build();
	try {
		const bare = await startServer(ollama, folder);
		const managed = await startServer(ollama, folder);
		const sidecar = await startSidecar(program, {}, ['--config', configured(managed.url)]);
		await until('the first look', async () => (await sidecar.scrape()).sum('ollama_up') === 1);
		const sides = [watched('Ollama alone', bare.url, bare.url), watched('Smart AI', managed.url, sidecar.proxy)];
		await Promise.all(arrivals().map((arrival, at) => ask(arrival, at, sides, tags)));
		await Promise.all(sides.map((side) => side.end()));
		const told = await (await fetch(`${sidecar.proxy}/smart-ai/lifecycle`)).json();
		return written(sides, told);
	} finally {
		await stopAll();
	}
}

const startServer = (ollama, models) => ollama.start({ models, keepAlive: `${KEPT_S}s` });

function configured(url) {
	const file = path.join(scratchFolder('hour'), 'smart-ai.toml');
	const lines = Object.entries(LIFECYCLE).map(([key, value]) => `${key} = ${value}`);
	writeFileSync(file, `[[hosts]]\nid = "pc"\nurl = "${url}"\n\n[lifecycle]\n${lines.join('\n')}\n`);
	return file;
}

/** Who is asked when, in seconds from the beginning; in order. */
function arrivals() {
	const random = uniform(0.1 + SEED / 100);
	const all = PATTERNS.flatMap(({ model, sessions, questions: [least, most], gap_s: [median, sigma] }) => {
		const gap_s = randomLogNormal.source(random)(Math.log(median / SPEED), sigma);
		return Array.from({ length: sessions * HOURS }, (_, session) => {
			// Each has its part of the time, and begins somewhere in its first half.
			let at_s = ((session + random() / 2) * HOUR_S) / sessions;
			return Array.from({ length: least + Math.floor(random() * (most - least + 1)) }, (_, question) => {
				if (question > 0) at_s += gap_s();
				return { model, at_s };
			});
		}).flat();
	});
	return all.filter(({ at_s }) => at_s < HOURS * HOUR_S).sort((left, right) => left.at_s - right.at_s);
}

/** A server, asked by way of `url`, with what its own `/api/ps` shows until `end`. */
function watched(name, server, url) {
	const side = { name, url, ms: [], failed: 0, loads: 0, resident: 0, idle: 0, busy: new Map() };
	let [seen, last] = [new Set(), performance.now()];
	const ended = new AbortController();
	const sample = async () => {
		const { models } = await (await fetch(`${server}/api/ps`)).json();
		const now = performance.now();
		const [seconds, names] = [(now - last) / 1e3, new Set()];
		for (const { name, size } of models) {
			names.add(name);
			if (!seen.has(name)) side.loads += 1;
			side.resident += (size / 1e9) * seconds;
			if (!side.busy.get(name)) side.idle += (size / 1e9) * seconds;
		}
		[seen, last] = [names, now];
	};
	const sampling = (async () => {
		while (!ended.signal.aborted) {
			await sample();
			await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
		}
	})();
	const rest_ms = HOURS * HOUR_S * 1e3 + performance.now();
	side.end = async () => {
		await new Promise((resolve) => setTimeout(resolve, Math.max(0, rest_ms - performance.now())));
		ended.abort();
		await sampling;
	};
	return side;
}

async function ask({ model, at_s }, at, sides, tags) {
	await new Promise((resolve) => setTimeout(resolve, at_s * 1e3));
	const tag = tags[model];
	for (const side of at % 2 === 0 ? sides : sides.toReversed()) {
		const busy = (by) => side.busy.set(tag, (side.busy.get(tag) ?? 0) + by);
		const began = performance.now();
		busy(1);
		const body = JSON.stringify({ model: tag, prompt: `Question ${at}.`, stream: false, options: { num_predict: 16 } });
		const answer = await fetch(`${side.url}/api/generate`, { method: 'POST', body });
		const { done } = await answer.json();
		busy(-1);
		if (done) side.ms.push(performance.now() - began);
		else side.failed += 1;
	}
}

function written(sides, told) {
	const change = (key, side) => `${((side[key] / sides[0][key] - 1) * 100).toFixed(1)} %`;
	const rows = table(
		[
			['', 'name'],
			['answered', ({ ms, failed }) => `${ms.length} of ${ms.length + failed}`],
			['resident GB·s', ({ resident }) => resident.toFixed(1)],
			['to Ollama alone', (side) => change('resident', side)],
			['idle GB·s', ({ idle }) => idle.toFixed(1)],
			['to Ollama alone', (side) => change('idle', side)],
			['loads', 'loads'],
			['mean (s)', ({ ms }) => (mean(ms) / 1e3).toFixed(2)],
			['median (s)', ({ ms }) => (quantile(ms, 0.5) / 1e3).toFixed(2)],
			['p95 (s)', ({ ms }) => (quantile(ms, 0.95) / 1e3).toFixed(2)],
		],
		sides,
	);
	const held = told.models.map(
		({ model, hold_s, load_s }) => `${model} ${Math.round(hold_s)} s (load ${load_s.toFixed(1)} s)`,
	);
	const count = (kind) => told.actions.filter(({ action }) => action === kind).length;
	const left = `At the end each was held after its last use: ${held.join(', ') || 'none in memory'}.`;
	return `${rows}\n\n${left} Unloads by Smart AI: ${count('unload')}, prewarms: ${count('prewarm')}.`;
}
