// OpenAI's and Anthropic's words through the proxy, before a host that speaks them as Ollama does.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { stopAll, until } from '../bed/index.mjs';
import { scriptedHost } from './scripted-host.mjs';
import { build, startSidecar } from './sidecar.mjs';

const received = [];
let host;
let sidecar;

const chunk = (content) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
const counts =
	'data: ' +
	`${JSON.stringify({ choices: [], usage: { prompt_tokens: 11, completion_tokens: 2, total_tokens: 13 } })}\n\n`;
// What Ollama says to a request without a model.
const refusals = {
	'/api/chat': { error: 'model is required' },
	'/v1/chat/completions': {
		error: { message: 'model is required', type: 'invalid_request_error', param: null, code: null },
	},
	'/v1/messages': { type: 'error', error: { type: 'invalid_request_error', message: 'model is required' } },
};
/** A request that breaks the host's answer off. */
const wanting = [{ role: 'user', content: 'Break.' }];
const broken = {
	'/api/chat': { error: "error parsing tool call: raw='{'" },
	'/v1/chat/completions': { error: { message: "error parsing tool call: raw='{'", type: 'api_error' } },
	'/v1/messages': { type: 'error', error: { type: 'api_error', message: 'the model failed' } },
};
const answers = {
	'/v1/chat/completions': (body) =>
		body.stream
			? [chunk('Hel'), chunk('lo'), ...(body.stream_options?.include_usage ? [counts] : []), 'data: [DONE]\n\n']
			: {
					model: body.model,
					choices: [{ message: { role: 'assistant', content: 'Hello' } }],
					usage: { prompt_tokens: 5, completion_tokens: 3 },
				},
	'/v1/completions': () => ({ choices: [{ text: 'Hello', index: 0 }], usage: { prompt_tokens: 1 } }),
	'/v1/messages': () => [
		'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":7,"output_tokens":0}}}\n\n',
		'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}\n\n',
		'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":4}}\n\nevent: ' +
			'message_stop\ndata: {"type":"message_stop"}\n\n',
	],
};

before(async () => {
	host = await scriptedHost(async (incoming, outgoing) => {
		const text = await textOf(incoming);
		const body = text.startsWith('{') ? JSON.parse(text) : text;
		if (incoming.url.startsWith('/v1/')) received.push({ url: incoming.url, body, headers: incoming.headers });
		if (refusals[incoming.url] && !body.model)
			return outgoing
				.writeHead(400, { 'content-type': 'application/json; charset=utf-8' })
				.end(JSON.stringify(refusals[incoming.url]));
		if (broken[incoming.url] && JSON.stringify(body.messages) === JSON.stringify(wanting)) {
			const error = JSON.stringify(broken[incoming.url]);
			if (incoming.url !== '/api/chat') return outgoing.end(`event: error\ndata: ${error}\n\n`);
			return outgoing.end(`{"message":{"role":"assistant","content":"so"},"done":false}\n${error}\n`);
		}
		const answer = answers[incoming.url]?.(body);
		if (!answer) return outgoing.writeHead(404).end('{"error":"not found"}');
		if (!Array.isArray(answer))
			return outgoing.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
		outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
		// Each event is cut in two.
		for (const event of answer) {
			outgoing.write(event.slice(0, 9));
			await new Promise(setImmediate);
			outgoing.write(event.slice(9));
		}
		return outgoing.end();
	});
	sidecar = await startSidecar(build(), { pc: host.url });
	await until('the host', async () => (await sidecar.scrape()).sum('ollama_up') === 1);
});

after(async () => {
	await stopAll();
	await host.close();
});

const post = (path, body, headers = {}) =>
	fetch(`${sidecar.proxy}${path}`, {
		method: 'POST',
		headers: { 'content-type': 'application/json', ...headers },
		body: JSON.stringify(body),
	});
const messages = [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }];
const counted = async (operation) => {
	const seen = await sidecar.scrape();
	return {
		requests: seen.sum('ollama_requests_total', { operation, status: 'success' }),
		prompt: seen.sum('ollama_prompt_tokens_total'),
		output: seen.sum('ollama_generated_tokens_total'),
	};
};

test('an OpenAI stream is dispatched and counted, and the client sees the count only if it asked', async () => {
	const plain = await post(
		'/v1/chat/completions',
		{ model: 'auto', messages, stream: true },
		{ authorization: 'Bearer secret', 'user-agent': 'OpenAI/JS 6.0' },
	);
	assert.equal(await plain.text(), [chunk('Hel'), chunk('lo'), 'data: [DONE]\n\n'].join(''));
	assert.equal(plain.headers.get('x-smart-ai-model'), 'm:latest');
	assert.equal(received.at(-1).body.model, 'm:latest');
	assert.equal(received.at(-1).headers.authorization, undefined, "a client's key is not the host's business");
	const asking = await post('/v1/chat/completions', {
		model: 'm',
		messages,
		stream: true,
		stream_options: { include_usage: true },
	});
	assert.equal(await asking.text(), [chunk('Hel'), chunk('lo'), counts, 'data: [DONE]\n\n'].join(''));
	await until('both counts', async () => (await counted('openai_chat')).requests === 2);
	assert.deepEqual(await counted('openai_chat'), { requests: 2, prompt: 22, output: 4 });
	assert.equal((await sidecar.scrape()).sum('ollama_requests_total', { client: 'openai' }), 1);
});

test("a whole answer in OpenAI's words is asked for in parts", async () => {
	const before = await counted('openai_chat');
	const answer = await (await post('/v1/chat/completions', { model: 'm', messages })).json();
	assert.deepEqual(answer.choices, [
		{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: null },
	]);
	assert.deepEqual(answer.usage, { prompt_tokens: 11, completion_tokens: 2, total_tokens: 13 });
	assert.equal(received.at(-1).body.stream, true);
	await until('the count', async () => (await counted('openai_chat')).output === before.output + 2);
});

test('a whole answer comes with its length', async () => {
	const response = await post('/v1/chat/completions', { model: 'm', messages });
	assert.equal(Number(response.headers.get('content-length')), (await response.arrayBuffer()).byteLength);
});

test('what a host says within a whole answer is what its client hears', async () => {
	for (const [path, error] of Object.entries(broken)) {
		const response = await post(path, { model: 'm', max_tokens: 10, stream: false, messages: wanting });
		assert.equal(response.status, 500, path);
		assert.deepEqual(await response.json(), error, path);
	}
});

test('a request that Codex packed is read and dispatched', async () => {
	// {"model":"auto","messages":[{"role":"user","content":"Hi"}]}
	const zstd = [
		'KLUv/QRY4QEAeyJtb2RlbCI6ImF1dG8iLCJtZXNzYWdlcyI6W3sicm9sZSI6',
		'InVzZXIiLCJjb250ZW50IjoiSGkifV19y/3RMA==',
	];
	const packed = Buffer.from(zstd.join(''), 'base64');
	const response = await fetch(`${sidecar.proxy}/v1/chat/completions`, {
		method: 'POST',
		headers: { 'content-type': 'application/json', 'content-encoding': 'zstd' },
		body: packed,
	});
	assert.equal(response.status, 200);
	await response.text();
	const { body, headers } = received.at(-1);
	assert.deepEqual([body.model, body.messages[0].content], ['m:latest', 'Hi']);
	assert.equal(headers['content-encoding'], undefined);
});

test('a form that comes in chunks stays a form, about the model that it names', async () => {
	const form = '--X\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--X--\r\n';
	await fetch(`${sidecar.proxy}/v1/audio/transcriptions`, {
		method: 'POST',
		headers: { 'content-type': 'multipart/form-data; boundary=X' },
		body: new Blob([form]).stream(),
		duplex: 'half',
	});
	const { body, headers } = received.at(-1);
	assert.deepEqual([body, headers['content-type']], [form, 'multipart/form-data; boundary=X']);
});

test('a whole answer of a host that does not stream comes as it is', async () => {
	const answer = await (await post('/v1/completions', { model: 'm', prompt: 'Hello' })).json();
	assert.deepEqual(answer, answers['/v1/completions']());
});

test("a stream in Anthropic's words is dispatched and counted", async () => {
	const before = await counted('anthropic_message');
	const response = await post('/v1/messages', { model: 'auto:best', max_tokens: 10, stream: true, messages });
	assert.equal(await response.text(), answers['/v1/messages']().join(''));
	await until('the count', async () => (await counted('anthropic_message')).requests === 1);
	const after = await counted('anthropic_message');
	assert.deepEqual([after.prompt - before.prompt, after.output - before.output], [7, 4]);
});

test('what a host says to a request without a model is passed on in the words of each API', async () => {
	const openai = await post('/v1/chat/completions', { messages });
	assert.equal(openai.status, 400);
	assert.equal((await openai.json()).error.type, 'invalid_request_error');
	const anthropic = await post('/v1/messages', { messages });
	assert.equal((await anthropic.json()).type, 'error');
	const native = await post('/api/chat', { messages });
	assert.deepEqual(await native.json(), { error: 'model is required' });
});

test('a route that no host has is answered alike each time: by the host, or with 501 where we choose', async () => {
	for (const [model, status, words] of [
		['m', 404, /^\{"error":"not found"\}$/],
		['auto', 501, /no host has the route \/v1\/responses/],
	]) {
		for (let time = 0; time < 3; time += 1) {
			const answer = await post('/v1/responses', { model, input: 'Hi' });
			assert.equal(answer.status, status, `${model}, time ${time}`);
			assert.match(await answer.text(), words);
		}
	}
	assert.equal((await post('/v1/chat/completions', { model: 'm', messages })).status, 200);
});

test('the lists name the models of all hosts, and auto', async () => {
	const native = await (await fetch(`${sidecar.proxy}/api/tags`)).json();
	assert.deepEqual(
		native.models.map(({ name }) => name),
		['m:latest', 'auto', 'auto:fast', 'auto:best'],
	);
	const openai = await (await fetch(`${sidecar.proxy}/v1/models`)).json();
	assert.deepEqual(
		openai.data.map(({ id }) => id),
		['m:latest', 'auto', 'auto:fast', 'auto:best'],
	);
});

test('the dispatcher answers by HTTP as on the command line', async () => {
	const decision = await (await post('/smart-ai/decide', { prompt: 'Hello' })).json();
	assert.deepEqual(decision.chosen, { host: 'pc', model: 'm:latest' });
	const refused = await post('/smart-ai/decide', { prompt: 'Hello', unknown: 1 });
	assert.equal(refused.status, 400);
	assert.equal((await refused.json()).error.code, 'invalid_request');
	assert.deepEqual(await (await fetch(`${sidecar.proxy}/smart-ai/ready`)).json(), {
		ok: true,
		engine: true,
		up: ['pc'],
		down: [],
	});
});

test('a web page cannot reach the proxy by a name of its own', async () => {
	const status = await new Promise((resolve, reject) => {
		const url = new URL(`${sidecar.proxy}/api/tags`);
		request(
			{ host: url.hostname, port: url.port, path: url.pathname, headers: { host: 'evil.example' } },
			(response) => {
				response.resume();
				resolve(response.statusCode);
			},
		)
			.on('error', reject)
			.end();
	});
	assert.equal(status, 403);
});
