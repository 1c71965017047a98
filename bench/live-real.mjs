// Smart AI beside a real HAProxy, each with three real Ollama servers: `node bench/run.mjs live-real`, with the program
// `haproxy` (Debian's package) on the path. REPETITIONS and SECONDS change how much is measured.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomLogNormal } from 'd3-random';
import { need, stopAll } from '../tests/e2e/bed/index.mjs';
import { build, haproxy, play, smart } from './live.mjs';
import { gaps, median, uniform } from './statistics.mjs';
import { table } from './table.mjs';

const REPETITIONS = Number(process.env.REPETITIONS ?? 3);
const SECONDS = Number(process.env.SECONDS ?? 60);
const SERVERS = 3;
/** Seconds between two requests to each side, on average. */
const GAPS_S = { medium: 3, heavy: 1.5 };
const PATHS = ['/api/chat', '/v1/chat/completions'];
const TOKENS = { median: 12, sigma: 0.5, most: 40 };
const WORDS = 30;

export const title = 'Beside HAProxy on real Ollama';
export const about = `${SECONDS} s of requests for three named models, the same to each side at the same moments,
${REPETITIONS} repetitions. Each side has ${SERVERS} real Ollama 0.24 servers of its own, which hold one model at a
time (\`OLLAMA_MAX_LOADED_MODELS=1\`), and is told nothing but their URLs. All six run on this one machine without a
GPU, so that every server slows every other one of either side: what the quicker side gains, both have.`;

export async function run() {
	if (spawnSync('haproxy', ['-v']).error) throw new Error('needs HAProxy: apt-get install haproxy');
	const { models, ollama } = { models: await need('models'), ollama: await need('ollama') };
	const { folder, tags } = await models.install();
	build();
	const names = [tags.smollm2, tags.gemma3, tags.random1b];
	const rows = [];
	for (const path of PATHS) {
		for (const [load, gap_s] of Object.entries(GAPS_S)) {
			const runs = [];
			for (let seed = 0; seed < REPETITIONS; seed += 1)
				runs.push(await measure(ollama, folder, path, draw(seed, gap_s, names)));
			rows.push({ path, load, runs });
		}
	}
	const middle = (of) => (row) => median(row.runs, of).toFixed(2);
	const share =
		(side) =>
		({ runs }) => {
			const sum = (what) => runs.reduce((total, run) => total + run[side][what], 0);
			return `${sum('answered')} of ${sum('asked')}`;
		};
	return table(
		[
			['path', 'path'],
			['load', 'load'],
			['answered: HAProxy', share('haproxy')],
			['Smart AI', share('smart')],
			['mean (s): HAProxy', middle((run) => run.haproxy.mean)],
			['Smart AI', middle((run) => run.smart.mean)],
			['ratio of means', middle((run) => run.smart.mean / run.haproxy.mean)],
			['p95 (s): HAProxy', middle((run) => run.haproxy.p95)],
			['Smart AI', middle((run) => run.smart.p95)],
			['ratio of p95', middle((run) => run.smart.p95 / run.haproxy.p95)],
		],
		rows,
	);
}

/** When each request is sent (s), and what it asks. */
function draw(seed, gap_s, names) {
	const [random, gap] = [uniform((seed + 1) / 1_000), gaps(gap_s, (seed + 1) / 1_001)];
	const tokens = randomLogNormal.source(random)(Math.log(TOKENS.median), TOKENS.sigma);
	const arrivals = [];
	for (let at = gap(); at < SECONDS; at += gap()) {
		const model = names[Math.floor(random() * names.length)];
		const prompt = `${arrivals.length} ${'word '.repeat(WORDS)}`;
		arrivals.push({ at, model, prompt, tokens: Math.max(1, Math.min(TOKENS.most, Math.round(tokens()))) });
	}
	return arrivals;
}

async function measure(ollama, models, path, arrivals) {
	const folder = mkdtempSync(join(tmpdir(), 'smart-ai-live-'));
	const fronts = [];
	try {
		for (const front of [haproxy, smart]) {
			const urls = [];
			for (let at = 0; at < SERVERS; at += 1) urls.push((await ollama.start({ models, maxLoaded: 1 })).url);
			fronts.push(await front(folder, urls));
		}
		const sides = fronts.map(({ url }) => play({ url, loads: () => null }, path, arrivals));
		const [proxied, dispatched] = await Promise.all(sides);
		return { haproxy: proxied, smart: dispatched };
	} finally {
		for (const front of fronts) front.stop();
		await stopAll();
		rmSync(folder, { recursive: true });
	}
}
