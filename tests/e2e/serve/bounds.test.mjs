// Hostile requests: how much memory they take, and what is refused.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { scratchFolder, stopAll, until } from '../bed/index.mjs';
import { scriptedHost } from './scripted-host.mjs';
import { build, startSidecar } from './sidecar.mjs';

const MIB = 1 << 20;
/** As large as most hostile bodies here are. */
const SIZE = 16 * MIB;

let host;
let held = [];
let sidecar;

const events = 'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\ndata: [DONE]\n\n';
const answer = { model: 'm', message: { role: 'assistant', content: 'Hi' }, done: true, done_reason: 'stop' };

before(async () => {
	const scripted = (incoming, outgoing) => {
		incoming.resume();
		incoming.on('end', () => {
			outgoing.setHeader('content-type', 'application/json');
			if (incoming.url === '/v1/chat/completions') return outgoing.end(events);
			if (incoming.headers['user-agent']?.includes('held')) return held.push(outgoing);
			return outgoing.end(`${JSON.stringify(answer)}\n`);
		});
	};
	const model_info = { 'general.architecture': 'llama', 'llama.context_length': 8_388_608 };
	host = await scriptedHost(scripted, { show: { model_info } });
	sidecar = await startSidecar(build(), { pc: host.url }, ['--max-body', '20', '--max-bodies', '40']);
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
		body,
	});

test('an ask by /smart-ai/ask may be as large as a request to the proxy, and no larger', async () => {
	const sized = (bytes) => JSON.stringify({ prompt: 'a '.repeat(bytes / 2), mode: 'fast' });
	assert.equal((await post('/smart-ai/ask', sized(4 * MIB))).status, 200);
	const refusal = await post('/smart-ai/ask', sized(22 * MIB));
	assert.equal(refusal.status, 413);
	assert.match((await refusal.json()).error.message, /larger than 20 MiB; raise --max-body/);
});

test('a request several times as large as may be is told so', async () => {
	const refusal = await post('/api/chat', 'a'.repeat(90 * MIB));
	assert.equal(refusal.status, 413);
	assert.match((await refusal.json()).error, /larger than 20 MiB; raise --max-body/);
});

/** Bytes of memory: now, or the most there was since the last `forgetMost`. */
function memory(key) {
	const [, kib] = new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${sidecar.pid}/status`, 'utf8'));
	return Number(kib) * 1024;
}

const forgetMost = () => writeFileSync(`/proc/${sidecar.pid}/clear_refs`, '5');

const filled = (before, part, after) =>
	before + part.repeat(Math.floor((SIZE - before.length - after.length) / part.length)) + after;
/** Keys with a name each, of as many bytes as the others. */
const distinct = (before, after) => {
	const keys = [before];
	for (let length = before.length + after.length, index = 0; length < SIZE; index += 1) {
		keys.push(`"${index.toString(36)}":1,`);
		length += keys.at(-1).length;
	}
	return keys.join('') + after;
};
const hostile = {
	'small keys': filled('{"model":"m","messages":[{"role":"user","content":"Hi"}],"options":{', '"a":1,', '"z":1}}'),
	// The prompt needs a context of its own, which goes into the options.
	'options, each of its own name': distinct(
		`{"model":"m","messages":[{"role":"user","content":"${'word '.repeat(9_000)}"}],"options":{`,
		'"z":1}}',
	),
	'stream options': [
		'/v1/chat/completions',
		distinct('{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}],"stream_options":{', '"z":1}}'),
	],
	'a name': filled('{"model":"', 'a', '","messages":[{"role":"user","content":"Hi"}]}'),
	'a name to show': ['/api/show', filled('{"model":"', 'a', '"}')],
	'an ask of keys': ['/smart-ai/ask', filled('{"prompt":"Hi",', '"a":1,', '"z":1}')],
	'an ask of messages': ['/smart-ai/ask', filled('{"messages":[', '{"role":"user","content":"a"},', '{}]}')],
	'an ask of tools': ['/smart-ai/ask', filled('{"prompt":"Hi","tools":[', '{},', '{}]}')],
	'an ask of one text': ['/smart-ai/ask', filled('{"prompt":"', 'word ', '"}')],
	'as many values as an ask may have': ['/smart-ai/ask', `{"prompt":"Hi","tools":[${'{},'.repeat(120_000)}{}]}`],
	'texts to embed': ['/api/embed', filled('{"model":"m","input":[', '"a",', '"z"]}')],
	'numbers to embed': ['/v1/embeddings', filled('{"model":"m","input":[', '[1],', '[1]]}')],
	'keys nobody knows': filled('{"model":"m","messages":[{"role":"user","content":"Hi"}],', '"a":1,', '"z":1}'),
	'small messages': filled('{"model":"m","messages":[', '{"role":"user","content":"a"},', '{}]}'),
	'one text': filled('{"model":"m","messages":[{"role":"user","content":"', 'word ', '"}]}'),
	'escaped signs': filled('{"model":"m","messages":[{"role":"user","content":"', '\\u0041', '"}]}'),
	'half emoji': filled('{"model":"m","messages":[{"role":"user","content":"', '\\ud83d', '"}]}'),
	'small tools': filled('{"model":"m","messages":[{"role":"user","content":"Hi"}],"tools":[', '{},', '{}]}'),
	'a schema': filled('{"model":"auto","messages":[{"role":"user","content":"Hi"}],"format":{', '"a":{},', '"z":{}}}'),
	nesting: filled('{"model":"m","messages":', '[', ''),
	'small images': filled('{"model":"m","prompt":"Hi","images":[', '"",', '""]}'),
	'no JSON': filled('', 'a', ''),
};

for (const [name, request] of Object.entries(hostile)) {
	const [where, body] = Array.isArray(request) ? request : ['/api/chat', request];
	test(`${name}: memory stays within four times the body`, async (context) => {
		if (process.platform !== 'linux') return context.skip('memory is read from /proc');
		forgetMost();
		const response = await post(where, body);
		await response.arrayBuffer();
		const most = memory('VmHWM');
		const limit = 4 * body.length + 64 * MIB;
		assert.ok(most <= limit, `${(most / MIB).toFixed(0)} MiB for a body of ${(body.length / MIB).toFixed(0)} MiB`);
		await until('what it took is given back', () => memory('VmRSS') < 100e6);
	});
}

test('more connections than the system allows a program at first do not lock out the next client', async () => {
	const program = build();
	const limited = path.join(scratchFolder('limited'), 'smart-ai');
	writeFileSync(limited, `#!/bin/sh\nulimit -Sn 100\nexec '${program('smart-ai')}' "$@"\n`);
	chmodSync(limited, 0o755);
	const tight = await startSidecar(() => limited, { pc: host.url });
	const { hostname, port } = new URL(tight.proxy);
	const idle = Array.from({ length: 200 }, () => connect(Number(port), hostname));
	await Promise.all(idle.map((socket) => once(socket, 'connect')));
	const response = await fetch(`${tight.proxy}/api/version`, { signal: AbortSignal.timeout(20_000) });
	assert.equal(response.status, 200);
	for (const socket of idle) socket.destroy();
	await tight.stop();
});

test('a request that is too large is refused, in the words of its API', async () => {
	const large = await post('/v1/chat/completions', 'a'.repeat(21 * MIB));
	assert.equal(large.status, 413);
	assert.match((await large.json()).error.message, /--max-body/);
});

test('beyond what all may hold requests are refused for now, and taken again later', async () => {
	const body = filled('{"model":"m","stream":false,"messages":[{"role":"user","content":"', 'a', '"}]}');
	// A model that is not listed waits for nobody here.
	const other = body.replace('"m"', '"other"');
	const waiting = [1, 2].map(() => post('/api/chat', other, { 'user-agent': 'held' }));
	await until('both wait', () => held.length === 2);
	const third = await post('/api/chat', body);
	assert.equal(third.status, 503);
	assert.equal(third.headers.get('retry-after'), '1');
	const small = await post('/api/chat', JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hi' }] }));
	assert.equal(small.status, 200, 'a small one still has room');
	for (const outgoing of held) outgoing.end(`${JSON.stringify(answer)}\n`);
	held = [];
	for (const response of await Promise.all(waiting)) assert.equal(response.status, 200);
	await until('room', async () => (await post('/api/chat', body)).status === 200);
});
