// Two real Ollama servers, one core each. Where they keep one model, every switch of models is a load.
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { need, scratchFolder, until } from '../../tests/e2e/bed/index.mjs';

/** SmolLM2 without its chat template: as Gemma, it continues a text, which suits worked examples. */
const SMALL = 'smollm2-text:135m';
/** One core for each server. */
const THREADS = 1;
const WATCH_MS = 100;

/** Ollama's options of every call of every contender. */
export const options = (item) => ({
	temperature: 0,
	num_predict: item.kind === 'draft' ? 8 : 32,
	num_thread: THREADS,
	...(item.kind === 'draft' ? {} : { stop: ['\n'] }),
});

async function post(host, at, body) {
	const response = await fetch(`${host.url}${at}`, {
		method: 'POST',
		body: JSON.stringify({ ...body, stream: false }),
	});
	const answer = await response.json();
	if (!response.ok) throw new Error(`${host.name} ${at}: ${response.status} ${answer.error}`);
	return answer;
}

const resident = async (host) => {
	const { models } = await (await fetch(`${host.url}/api/ps`)).json();
	return models.map(({ name }) => name);
};

/** A model folder of its own over the shared files, so that a tag made here is seen by no other run. */
function ownFolder(shared) {
	const folder = scratchFolder('bench-models');
	mkdirSync(path.join(folder, 'blobs'));
	for (const blob of readdirSync(path.join(shared, 'blobs')))
		symlinkSync(path.join(shared, 'blobs', blob), path.join(folder, 'blobs', blob));
	cpSync(path.join(shared, 'manifests'), path.join(folder, 'manifests'), { recursive: true });
	return folder;
}

/** Starts the servers, each of which keeps `maxLoaded` models; `models` are `{ small, large, draft }`. */
export async function startFleet({ maxLoaded = 1 } = {}) {
	const ollama = await need('ollama');
	const { folder, tags } = await (await need('models')).install();
	const models = ownFolder(folder);
	const hosts = [];
	for (const name of ['a', 'b']) hosts.push({ name, ...(await ollama.start({ models, maxLoaded, numParallel: 1 })) });
	await post(hosts[0], '/api/create', { model: SMALL, from: tags.smollm2, template: '{{ .Prompt }}' });
	return { hosts, models: { small: SMALL, large: tags.gemma3, draft: tags.random1b } };
}

/** One answer of one server, past any dispatcher. */
export async function ask(host, model, item) {
	const { message } = await post(host, '/api/chat', {
		model,
		messages: [{ role: 'user', content: item.prompt }],
		options: options(item),
	});
	return message.content;
}

/** Leaves every server without a model, as a block begins. */
export async function unloadAll(hosts) {
	for (const host of hosts) {
		for (const model of await resident(host)) await post(host, '/api/generate', { model, keep_alive: 0 });
		await until(`${host.name} is empty`, async () => (await resident(host)).length === 0);
	}
}

/** Counts loads by looking at what each server holds ten times a second; `stop()` gives the count. */
export function countLoads(hosts) {
	const held = new Map();
	let loads = 0,
		watching = true;
	const watch = async (host) => {
		while (watching) {
			const now = await resident(host).catch(() => held.get(host) ?? []);
			loads += now.filter((model) => !(held.get(host) ?? []).includes(model)).length;
			held.set(host, now);
			await pause(WATCH_MS);
		}
	};
	const watches = hosts.map(watch);
	return {
		async stop() {
			watching = false;
			await Promise.all(watches);
			return loads;
		},
	};
}
