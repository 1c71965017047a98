// What the metrics page costs where models come and go under ten thousand names. `node bench/run.mjs scrape`
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import pMap from 'p-map';
import { stopAll, until } from '../tests/e2e/bed/index.mjs';
import { build, startSidecar } from '../tests/e2e/serve/sidecar.mjs';
import { median } from './statistics.mjs';
import { table } from './table.mjs';

const NAMES = 10_000;
const AT_ONCE = 200;
const SCRAPES = 9;

export const title = 'The metrics page under many names';
export const about = `A scrape of \`smart-ai serve\` (release build), ${SCRAPES} in a row: before anything else; after a
host has listed ${NAMES} names, ${AT_ONCE} at a time and other ones at each look; after clients have asked for
${NAMES} names that no host has; and with a host that lists all of them at once. Goal: at most 200 ms each.`;

const listed = (from, count) =>
	Array.from({ length: count }, (_, at) => {
		const name = `m${from + at}:latest`;
		return { name, model: name, size: 1e9, digest: 'd'.repeat(64) };
	});

async function startHost() {
	const state = { models: listed(0, 1), next: 1, turning: false, looks: 0 };
	const answers = {
		'/api/version': () => ({ version: '0.24.0' }),
		'/api/tags': () => {
			state.looks += 1;
			if (state.turning && state.next <= NAMES) {
				state.models = listed(state.next, AT_ONCE);
				state.next += AT_ONCE;
			}
			return { models: state.models };
		},
		'/api/ps': () => ({ models: [] }),
		'/api/show': () => ({ capabilities: ['completion'], details: {}, model_info: {} }),
	};
	const server = createServer((incoming, outgoing) => {
		incoming.resume();
		const answer = answers[incoming.url];
		outgoing.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' });
		outgoing.end(JSON.stringify(answer?.() ?? { error: 'model not found' }));
	}).listen(0, '127.0.0.1');
	await once(server, 'listening');
	const stop = () => {
		server.close();
		server.closeAllConnections();
	};
	return { state, url: `http://127.0.0.1:${server.address().port}`, stop };
}

async function scrapes(sidecar) {
	const seen = [];
	let page = '';
	for (let turn = 0; turn < SCRAPES; turn += 1) {
		const began = performance.now();
		page = await (await fetch(sidecar.metrics)).text();
		seen.push(performance.now() - began);
	}
	const [, rss] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${sidecar.pid}/status`, 'utf8'));
	return { lines: page.trimEnd().split('\n').length, median: median(seen), most: Math.max(...seen), rss: rss / 1024 };
}

export async function run() {
	const host = await startHost();
	const sidecar = await startSidecar(build('release'), { pc: host.url });
	const rows = [];
	const take = async (what) => rows.push({ what, ...(await scrapes(sidecar)) });
	try {
		await until('the host', async () => (await sidecar.scrape()).sum('ollama_up') === 1);
		await take('one model');
		host.state.turning = true;
		await until('every name', () => host.state.next > NAMES, { deadlineMs: 120_000 });
		await take('names that the host listed');
		const ask = (at) => ({
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body: JSON.stringify({ model: `client-${at}`, messages: [{ role: 'user', content: 'Hi' }], stream: false }),
		});
		const answered = async (at) => (await fetch(`${sidecar.proxy}/api/chat`, ask(at))).text();
		await pMap(Array.from({ length: NAMES }).keys(), answered, { concurrency: 16 });
		await take('names that clients asked for');
		host.state.models = listed(0, NAMES);
		const looks = host.state.looks;
		await until('the long list', () => host.state.looks > looks + 2);
		await take('all listed at once');
	} finally {
		await stopAll();
		host.stop();
	}
	const ms = (value) => value.toFixed(0);
	return table(
		[
			['after', 'what'],
			['lines', 'lines'],
			['median (ms)', (row) => ms(row.median)],
			['longest (ms)', (row) => ms(row.most)],
			['RSS (MB)', (row) => ms(row.rss)],
		],
		rows,
	);
}
