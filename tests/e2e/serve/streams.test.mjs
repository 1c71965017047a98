// Streams through the proxy: cut anywhere on the way from the host, and left by their client in every API.
import assert from 'node:assert/strict';
import { json } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { stopAll, until } from '../bed/index.mjs';
import { scriptedHost } from './scripted-host.mjs';
import { build, startSidecar } from './sidecar.mjs';

let host;
let sidecar;
/** What becomes of a request that runs a model. */
let answer;

before(async () => {
	const show = { capabilities: ['completion', 'embedding'] };
	const scripted = async (incoming, outgoing) =>
		answer(outgoing, incoming.method === 'POST' ? await json(incoming) : null, incoming.url);
	host = await scriptedHost(scripted, { loaded: true, show });
	sidecar = await startSidecar(build(), { pc: host.url });
	await until('the loaded model', async () => (await sidecar.scrape()).sum('ollama_models_loaded') === 1);
});

after(async () => {
	await stopAll();
	await host.close();
});

const post = (path, body, signal) =>
	fetch(`${sidecar.proxy}${path}`, {
		method: 'POST',
		headers: { 'content-type': 'application/json' },
		body: JSON.stringify({ model: 'm', ...body }),
		signal,
	});
const messages = [{ role: 'user', content: 'Hello' }];

test("Ollama's lines arrive as sent, a byte at a time and without a last line break, and are counted", async () => {
	const lines = [
		{ message: { role: 'assistant', content: 'Grüße, 世界 🌍' }, done: false },
		{
			message: { role: 'assistant', content: '' },
			done: true,
			done_reason: 'stop',
			prompt_eval_count: 5,
			eval_count: 3,
			total_duration: 1e9,
			load_duration: 1e6,
			prompt_eval_duration: 1e8,
			eval_duration: 5e8,
		},
	];
	const sent = lines.map((line) => JSON.stringify({ model: 'm:latest', ...line })).join('\n');
	let streamed;
	answer = async (outgoing, body) => {
		streamed = body.stream;
		outgoing.writeHead(200, { 'content-type': 'application/x-ndjson' });
		for (const byte of Buffer.from(sent)) {
			outgoing.write(Buffer.of(byte));
			await new Promise(setImmediate);
		}
		outgoing.end();
	};
	const text = await (await post('/api/chat', { messages })).text();
	assert.notEqual(streamed, false, 'who does not say streams');
	assert.equal(text.trimEnd(), sent);
	await until(
		'the count',
		async () => (await sidecar.scrape()).sum('ollama_requests_total', { operation: 'chat', status: 'success' }) === 1,
	);
	const seen = await sidecar.scrape();
	assert.deepEqual([seen.sum('ollama_prompt_tokens_total'), seen.sum('ollama_generated_tokens_total')], [5, 3]);
	const whole = await (await post('/api/chat', { messages, stream: false })).json();
	assert.deepEqual([whole.message.content, whole.eval_count], ['Grüße, 世界 🌍', 3]);
});

const event = (data) => `data: ${JSON.stringify(data)}\n\n`;
const line = (data) => `${JSON.stringify(data)}\n`;
/** Operation, path, request, what the host has written by then, and whether the client has it, too. */
const left = [
	['chat', '/api/chat', { messages }, line({ message: { content: 'Hi' }, done: false }), true],
	['chat', '/api/chat', { messages, stream: false }, line({ message: { content: 'Hi' }, done: false }), false],
	['generate', '/api/generate', { prompt: 'Hello' }, line({ response: 'Hi', done: false }), true],
	['embed', '/api/embed', { input: 'Hello' }, '', false],
	[
		'openai_chat',
		'/v1/chat/completions',
		{ messages, stream: true },
		event({ choices: [{ index: 0, delta: { content: 'Hi' } }] }),
		true,
	],
	['openai_chat', '/v1/chat/completions', { messages }, '', false],
	[
		'openai_completion',
		'/v1/completions',
		{ prompt: 'Hello', stream: true },
		event({ choices: [{ index: 0, text: 'Hi' }] }),
		true,
	],
	['openai_embedding', '/v1/embeddings', { input: 'Hello' }, '', false],
	[
		'openai_response',
		'/v1/responses',
		{ input: 'Hello', stream: true },
		event({ type: 'response.output_text.delta', delta: 'Hi' }),
		true,
	],
	[
		'anthropic_message',
		'/v1/messages',
		{ messages, max_tokens: 9, stream: true },
		event({ type: 'content_block_delta', delta: { type: 'text_delta', text: 'Hi' } }),
		true,
	],
	['anthropic_message', '/v1/messages', { messages, max_tokens: 9 }, '', false],
];

for (const [operation, path, body, written, shown] of left) {
	test(
		`a client that leaves ${path}${shown ? ', having read something,' : ''} ends the work at the host and counts as ` +
			'no failure',
		async () => {
			const cancelled = (seen) => [
				seen.sum('ollama_requests_total', { operation, status: 'cancelled' }),
				seen.sum('dispatcher_attempts_total', { outcome: 'cancelled' }),
			];
			const earlier = cancelled(await sidecar.scrape());
			let asked, closed;
			const [asking, closing] = [new Promise((done) => (asked = done)), new Promise((done) => (closed = done))];
			answer = (outgoing, _, url) => {
				outgoing.on('close', closed);
				if (written) outgoing.writeHead(200).write(written);
				asked(url);
			};
			const leaving = new AbortController();
			const request = post(path, body, leaving.signal);
			assert.equal(await asking, path);
			if (shown) {
				const { value } = await (await request).body.getReader().read();
				assert.match(Buffer.from(value).toString(), /Hi/);
			}
			leaving.abort();
			await request.catch(() => {});
			await closing;
			await until('the count', async () =>
				cancelled(await sidecar.scrape()).every((count, at) => count === earlier[at] + 1),
			);
			const seen = await sidecar.scrape();
			assert.deepEqual(
				[seen.sum('ollama_requests_in_flight'), seen.sum('ollama_queue_depth'), seen.sum('dispatcher_breaker_open')],
				[0, 0, 0],
			);
			assert.equal(seen.sum('ollama_requests_total', { status: 'error' }), 0);
		},
	);
}
