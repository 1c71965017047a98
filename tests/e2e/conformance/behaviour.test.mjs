// What shows only over time: waiting, leaving, loading, unloading. Each test runs on the real Ollama and on the fake
// one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../bed/process.mjs';
import { pair } from './pair.mjs';
import { chatModel, vectorModel } from './script.mjs';

const hosts = pair();
const question = [{ role: 'user', content: 'Count from one to one hundred.' }];

function onBoth(name, check) {
	for (const kind of ['real', 'fake']) {
		test(`${name}: ${kind}`, async (context) => {
			if (hosts.missing) return context.skip(hosts.missing);
			const { url } = hosts[kind];
			await unloadAll(url);
			await check(url);
		});
	}
}

onBoth('requests to one model run one after another, and the wait shows in the total only', async (url) => {
	await chat(url, { messages: [] });
	const options = { num_predict: 40, seed: 1, temperature: 0 };
	const answers = await Promise.all([1, 2, 3].map(() => chat(url, { messages: question, options, stream: false })));
	answers.sort((a, b) => a.total_duration - b.total_duration);
	const waits = answers.map((it) => it.total_duration - it.load_duration - it.prompt_eval_duration - it.eval_duration);
	assert.ok(waits[1] > answers[0].eval_duration / 2, `the second waited for the first: ${waits}`);
	assert.ok(waits[2] > waits[1] + answers[1].eval_duration / 2, `the third for the second: ${waits}`);
	assert.ok(
		answers.every((it) => it.load_duration < it.eval_duration),
		'no wait for a slot in load_duration',
	);
});

onBoth('a client that leaves during the load aborts it', async (url) => {
	const leaving = new AbortController();
	const asked = chat(url, { messages: question }, leaving.signal);
	// Ollama takes the request up before it answers the next one.
	assert.deepEqual(await resident(url), [], 'a loading model is not listed');
	leaving.abort();
	await assert.rejects(asked, { name: 'AbortError' });
	await embed(url);
	assert.deepEqual(await resident(url), [vectorModel]);
});

onBoth('a prompt that begins as the last one did is read from where it differs, and counted whole', async (url) => {
	const facts = Array.from({ length: 80 }, (_, fact) => `Fact ${fact}: ${fact * 37} comes before ${fact * 53}.`).join(
		' ',
	);
	const ask = (messages) =>
		chat(url, { messages, options: { num_predict: 2, seed: 1, temperature: 0 }, stream: false });
	const first = [{ role: 'user', content: `${facts} Which one is the largest?` }];
	const whole = await ask(first);
	const rest = await ask([...first, whole.message, { role: 'user', content: 'And why?' }]);
	assert.ok(
		rest.prompt_eval_count > whole.prompt_eval_count,
		`${rest.prompt_eval_count} after ${whole.prompt_eval_count}`,
	);
	assert.ok(
		rest.prompt_eval_duration < whole.prompt_eval_duration / 2,
		`${rest.prompt_eval_duration} against ${whole.prompt_eval_duration}`,
	);
});

onBoth('an unload waits for the request in progress', async (url) => {
	const response = await post(url, '/api/chat', {
		model: chatModel,
		messages: question,
		options: { num_predict: 60, seed: 1 },
	});
	const reader = response.body.getReader();
	const first = await reader.read();
	const unload = await (await post(url, '/api/generate', { model: chatModel, keep_alive: 0 })).json();
	assert.equal(unload.done_reason, 'unload');
	assert.deepEqual(await resident(url), [chatModel]);
	let text = Buffer.from(first.value).toString();
	for (let part = await reader.read(); !part.done; part = await reader.read())
		text += Buffer.from(part.value).toString();
	assert.equal(JSON.parse(text.trim().split('\n').at(-1)).done, true);
	await until('unloaded', async () => (await resident(url)).length === 0);
});

onBoth('a client that leaves mid-stream frees the slot', async (url) => {
	const leaving = new AbortController();
	const response = await post(
		url,
		'/api/chat',
		{ model: chatModel, messages: question, options: { num_predict: 2000 } },
		leaving.signal,
	);
	await response.body.getReader().read();
	leaving.abort();
	const next = await chat(url, { messages: question, options: { num_predict: 1 }, stream: false });
	assert.equal(next.done, true);
});

onBoth('keep_alive ends by itself, and a request without one keeps it', async (url) => {
	await chat(url, { messages: [], keep_alive: '1s' });
	await chat(url, { messages: question, options: { num_predict: 1 }, stream: false });
	const [expiry] = (await ps(url)).map((model) => Date.parse(model.expires_at) - Date.now());
	assert.ok(expiry <= 1000, `expires in ${expiry} ms`);
	await until('expired', async () => (await resident(url)).length === 0);
});

onBoth('another context length reloads', async (url) => {
	await chat(url, { messages: [], options: { num_ctx: 1024 } });
	const again = await chat(url, { messages: question, options: { num_ctx: 1024, num_predict: 1 }, stream: false });
	const other = await chat(url, { messages: question, options: { num_ctx: 2048, num_predict: 1 }, stream: false });
	assert.ok(other.load_duration > 2 * again.load_duration, `${other.load_duration} against ${again.load_duration}`);
	assert.equal((await ps(url))[0].context_length, 2048);
});

const post = (url, path, body, signal) => fetch(url + path, { method: 'POST', body: JSON.stringify(body), signal });
const ps = async (url) => (await (await fetch(`${url}/api/ps`)).json()).models;
const resident = async (url) => (await ps(url)).map((model) => model.name);
const embed = async (url) => (await post(url, '/api/embed', { model: vectorModel, input: 'x' })).json();

async function chat(url, request, signal) {
	const response = await post(url, '/api/chat', { model: chatModel, ...request }, signal);
	return (await response.text())
		.trim()
		.split('\n')
		.map((line) => JSON.parse(line))
		.at(-1);
}

async function unloadAll(url) {
	for (const model of [chatModel, vectorModel])
		await (await post(url, '/api/generate', { model, keep_alive: 0 })).text();
	await until('nothing loaded', async () => (await resident(url)).length === 0);
}
