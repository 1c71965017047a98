// Models that push each other out are counted as such, by looks and requests: on a simulated and on a real Ollama.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { needOrSkip, stopAll, until } from '../bed/index.mjs';
import { build, startHost, startSidecar } from './sidecar.mjs';

const ROUNDS = 3;
const UNLOADS = 'ollama_model_unloads_total';

after(stopAll);

/** One word of the model, through whatever listens here. */
const ask = async (url, model, options = {}) => {
	const body = JSON.stringify({
		model,
		prompt: 'Hi',
		stream: false,
		...options,
		options: { num_predict: 1, ...options.options },
	});
	const response = await fetch(`${url}/api/generate`, { method: 'POST', body });
	assert.equal(response.status, 200, await response.text());
};

async function inTurns(url, names) {
	for (let round = 0; round < ROUNDS; round++) for (const name of names) await ask(url, name);
}

/** Each model but the last asked for was pushed out once a round, and came back for a request. */
function assertPushed(seen, [first, last]) {
	const unloads = (model, reason) => seen.sum(UNLOADS, { model, reason });
	assert.deepEqual([unloads(first, 'evicted'), unloads(last, 'evicted')], [ROUNDS, ROUNDS - 1], seen.text);
	for (const reason of ['expired', 'asked', 'context', 'foreign'])
		assert.equal(seen.sum(UNLOADS, { reason }), 0, `${reason}:\n${seen.text}`);
	assert.equal(seen.sum('ollama_model_loads_total', { reason: 'request' }), 2 * ROUNDS);
	assert.equal(seen.sum('ollama_reloads_total', { cause: 'evicted' }), 2 * ROUNDS - 2);
}

const settled = (sidecar) =>
	until('every unload', async () => {
		const now = await sidecar.scrape();
		return now.sum(UNLOADS) >= 2 * ROUNDS - 1 && now.sum('ollama_models_loaded') === 1 && now;
	});

const models = ['first:latest', 'last:latest'].map((name) => ({
	name,
	prefill_tok_per_s: 2000,
	decode_tok_per_s: 500,
	load_s: 0.5,
}));
const names = models.map(({ name }) => name);

/** A simulated host that keeps one model, and the sidecar before it, whose polls are this far apart. */
async function simulated(poll) {
	const program = build();
	const host = await startHost(program, { max_loaded: 1, models });
	const sidecar = await startSidecar(program, { pc: host.url }, [], poll);
	await until('the first look', async () => (await sidecar.scrape()).sum('ollama_up') === 1);
	return { host, sidecar };
}

test('looks that show the gap between the two, and looks that miss it', async () => {
	for (const poll of [0.1, 1.3]) {
		const { host, sidecar } = await simulated(poll);
		await inTurns(sidecar.proxy, names);
		assertPushed(await settled(sidecar), names);
		assert.equal((await host.stats()).evictions, 2 * ROUNDS - 1);
	}
});

test('a model that another client pushes out, and one that leaves on its own', async () => {
	const { host, sidecar } = await simulated(0.1);
	const [first, last] = names;
	const loaded = (model) =>
		until(`${model} to be seen`, async () => (await sidecar.scrape()).sum('ollama_model_loaded', { model }) === 1);
	await ask(host.url, first);
	await loaded(first);
	await ask(host.url, last);
	await loaded(last);
	const counted = (reason, model) =>
		until(`${reason} of ${model}`, async () => (await sidecar.scrape()).sum(UNLOADS, { reason, model }) === 1);
	await counted('evicted', first);
	await ask(host.url, last, { options: { num_ctx: 8192 } });
	await counted('context', last);
	await ask(sidecar.proxy, last, { keep_alive: 0 });
	await counted('asked', last);
	await ask(host.url, first, { keep_alive: 1 });
	await counted('expired', first);
	assert.equal((await sidecar.scrape()).sum(UNLOADS, { reason: 'foreign' }), 0);
});

test('models that push each other out of a real Ollama', async (t) => {
	const bed = await needOrSkip(t, 'ollama', 'models');
	if (!bed) return;
	const { folder, tags } = await bed.models.install();
	const real = [tags.smollm2, tags.randomTiny];
	const host = await bed.ollama.start({ models: folder, maxLoaded: 1 });
	const sidecar = await startSidecar(build(), { pc: host.url });
	await until('the first look', async () => (await sidecar.scrape()).sum('ollama_up') === 1);
	await inTurns(sidecar.proxy, real);
	assertPushed(await settled(sidecar), real);
});
