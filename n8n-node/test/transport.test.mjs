import assert from 'node:assert/strict';
import { test } from 'node:test';

import transportModule from '../dist-test/engine/httpTransport.js';

const { httpTransport } = transportModule;

/** n8n's client, which writes down what it is asked; `silent` servers answer nothing in time. */
function client({ silent = false } = {}) {
	const asked = [];
	const httpRequest = async ({ url, timeout }) => {
		asked.push([new URL(url).pathname, timeout]);
		if (silent) throw Object.assign(new Error(`timeout of ${timeout}ms exceeded`), { code: 'ECONNABORTED' });
		return { statusCode: 200, headers: { 'Retry-After': 3, 'Set-Cookie': ['a', 'b'] }, body: [] };
	};
	return { asked, httpRequest };
}

const request = (path, stream) => ({
	method: 'POST',
	url: `http://pc:11434${path}`,
	headers: {},
	stream,
	connectTimeoutMs: 2000,
	signal: new AbortController().signal,
});

test('a call to a server that takes no connection ends in time, and is never sent', async () => {
	const { asked, httpRequest } = client({ silent: true });
	const { request: send } = httpTransport(httpRequest);
	await assert.rejects(send(request('/api/chat', true)), {
		code: 'ETIMEDOUT',
		message: 'no connection within 2000 ms',
	});
	assert.deepEqual(asked, [['/api/version', 2000]]);
});

test('a server is asked first only where it was not heard of lately; a call itself has all the time', async () => {
	let now = 0;
	const { asked, httpRequest } = client();
	const { request: send } = httpTransport(httpRequest, () => now);
	const paths = () => asked.splice(0).map(([path]) => path);
	await send(request('/api/chat', true));
	assert.ok(asked.at(-1)[1] > 3_600_000);
	assert.deepEqual(paths(), ['/api/version', '/api/chat']);
	now = 1999;
	await send(request('/api/chat', true));
	assert.deepEqual(paths(), ['/api/chat']);
	now = 10_000;
	await send(request('/api/tags', false));
	await send(request('/api/chat', true));
	assert.deepEqual(paths(), ['/api/tags', '/api/chat']);
});

test('names of headers are small, and several values are one', async () => {
	const { httpRequest } = client();
	const { headers } = await httpTransport(httpRequest).request(request('/api/tags', false));
	assert.deepEqual(headers, { 'retry-after': '3', 'set-cookie': 'a, b' });
});

test('localhost that is refused on ::1 is tried on 127.0.0.1, and nothing else is', async () => {
	const asked = [];
	const httpRequest = async ({ url }) => {
		asked.push(url);
		if (!url.includes('127.0.0.1')) throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
		return { statusCode: 200, headers: {}, body: [] };
	};
	const { request: send } = httpTransport(httpRequest);
	const to = (server) => send({ ...request('/api/tags', false), url: `${server}/api/tags` });
	assert.equal((await to('http://localhost:11434')).status, 200);
	assert.deepEqual(asked.splice(0), ['http://localhost:11434/api/tags', 'http://127.0.0.1:11434/api/tags']);
	await assert.rejects(to('http://localhost.example:11434'), { code: 'ECONNREFUSED' });
	assert.equal(asked.length, 1);
});
