// The dispatcher by HTTP: an ask whose answer comes in lines, and what is said of answers.
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { after, before, test } from 'node:test';
import { line, ollama } from '../../world/ollama.mjs';
import { stopAll, until } from '../bed/index.mjs';
import { build, startSidecar } from './sidecar.mjs';

/** Emits `chat` with the response of each call of the model `slow`. */
const calls = new EventEmitter();
let host;
let sidecar;

const piece = (content) => line({ message: { role: 'assistant', content }, done: false });
const last = line({ message: { role: 'assistant', content: '' }, done: true, done_reason: 'stop', eval_count: 2 });

before(async () => {
	host = await ollama({
		models: ['quick', 'slow'],
		chat: (_, response) => {
			if (host.requests.at(-1).body.model === 'slow') {
				// A model that loads is never cut short: this one has begun to write.
				response.write(piece('Once'));
				return calls.emit('chat', response);
			}
			response.write(piece('He'));
			response.end(piece('llo') + last);
		},
	});
	sidecar = await startSidecar(build(), { pc: host.url });
	await until('the host', async () => (await sidecar.scrape()).sum('ollama_up') === 1);
});

after(async () => {
	await stopAll();
	await host.close();
});

const post = async (path, body, signal) =>
	await fetch(`${sidecar.proxy}${path}`, {
		method: 'POST',
		headers: { 'content-type': 'application/json' },
		body: JSON.stringify(body),
		signal,
	});
const told = (text) =>
	text
		.trim()
		.split('\n')
		.map((each) => JSON.parse(each));

test('an answer comes in lines: its text piece by piece where that is wanted, and the whole in the end', async () => {
	const response = await post('/smart-ai/ask?stream=text', { model: 'quick', prompt: 'Hi' });
	assert.equal(response.headers.get('content-type'), 'application/x-ndjson');
	const lines = told(await response.text());
	const { answer } = lines.pop();
	assert.deepEqual([answer.ok, answer.text, answer.model], [true, 'Hello', 'quick']);
	assert.equal(lines.map(({ text = '' }) => text).join(''), 'Hello');
	const whole = told(await (await post('/smart-ai/ask?stream=answer', { model: 'quick', prompt: 'Hi' })).text());
	assert.equal(whole.pop().answer.text, 'Hello');
	assert.deepEqual(
		whole.filter(({ text }) => text !== undefined),
		[],
	);
});

test('an ask that makes no sense is refused before any line, and one that fails ends with why', async () => {
	const refused = await post('/smart-ai/ask?stream=text', { propmt: 'Hi' });
	assert.deepEqual([refused.status, (await refused.json()).error.code], [400, 'invalid_request']);
	const failed = told(await (await post('/smart-ai/ask?stream=text', { model: 'none', prompt: 'Hi' })).text());
	assert.equal(failed.pop().answer.error.code, 'unknown_model');
});

test('a caller sees that its ask is under way, and ends the call where it leaves', async () => {
	const called = once(calls, 'chat');
	const leaving = new AbortController();
	const response = await post('/smart-ai/ask?stream=text', { model: 'slow', prompt: 'Hi' }, leaving.signal);
	const reader = response.body.getReader();
	const seen = [];
	const read = async () => seen.push(...told(new TextDecoder().decode((await reader.read()).value)));
	await read();
	const [atHost] = await called;
	while (seen.length < 2) await read();
	assert.deepEqual(seen, [{}, { text: 'Once' }]);
	const closed = once(atHost, 'close');
	leaving.abort();
	await closed;
});

test('what is said of an answer is taken in, and what makes no sense is refused', async () => {
	const good = await post('/smart-ai/feedback', { model: 'quick', task: 'general', thumbs: 'down' });
	assert.deepEqual([good.status, await good.json()], [200, { ok: true }]);
	const { qualities } = await (await fetch(`${sidecar.proxy}/smart-ai/snapshot`)).json();
	assert.match(JSON.stringify(qualities), /quick/);
	const bad = await post('/smart-ai/feedback', { thumbs: 'down' });
	assert.deepEqual([bad.status, (await bad.json()).error.code], [400, 'invalid_request']);
});
