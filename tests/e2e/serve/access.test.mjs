// Who gets in: keys, web pages, names, changes to hosts; and clients that stop half-way.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { scratchFolder, stopAll } from '../bed/index.mjs';
import { scriptedHost } from './scripted-host.mjs';
import { build, startSidecar } from './sidecar.mjs';

/** Where other machines would reach it; refused before it listens. */
const ALL = '0.0.0.0:0';
/** What the host was asked, other than looks. */
const asked = [];
let host;
let url;

before(async () => {
	host = await scriptedHost(async (incoming, outgoing) => {
		await text(incoming);
		asked.push(`${incoming.method} ${incoming.url}`);
		return outgoing.writeHead(404).end('{"error":"not found"}');
	});
	url = host.url;
});

after(async () => {
	await stopAll();
	await host.close();
});

/** A request with any header, and its whole answer. */
async function call(base, method, where, headers = {}, body = undefined) {
	const outgoing = request(new URL(base).origin, { method, path: where, headers });
	outgoing.end(body);
	const [incoming] = await once(outgoing, 'response');
	return { status: incoming.statusCode, headers: incoming.headers, body: await text(incoming) };
}

const start = (...flags) => startSidecar(build(), { pc: url }, flags);

test('beyond loopback the proxy wants a key, which each kind of client may send in its own header', async () => {
	const program = build();
	const keyless = spawnSync(program('smart-ai'), [
		'serve',
		'--host',
		url,
		'--proxy',
		ALL,
		'--metrics',
		'127.0.0.1:0',
		'--allow-remote',
	]);
	assert.equal(keyless.status, 2);
	assert.match(String(keyless.stderr), /--key-file or SMART_AI_KEY, or add --no-key/);

	const file = path.join(scratchFolder('keys'), 'key');
	const sidecar = await start('--allow-remote', '--key-file', file, '--metrics-key');
	const key = readFileSync(file, 'utf8').trim();
	assert.equal(statSync(file).mode & 0o777, 0o600);
	const { proxy } = sidecar;
	for (const headers of [{ authorization: `Bearer ${key}` }, { 'x-api-key': key }, { 'api-key': key }]) {
		assert.equal((await call(proxy, 'GET', '/api/tags', headers)).status, 200);
		assert.equal((await call(sidecar.metrics, 'GET', '/metrics', headers)).status, 200);
	}
	for (const headers of [{}, { authorization: `Bearer ${key}x` }, { authorization: `Basic ${key}` }]) {
		for (const where of ['/api/tags', '/v1/models', '/smart-ai/snapshot', '//api/tags', '/nothing']) {
			const { status, headers: answered } = await call(proxy, 'GET', where, headers);
			assert.deepEqual([status, answered['www-authenticate']], [401, 'Bearer'], where);
		}
		assert.equal((await call(sidecar.metrics, 'GET', '/metrics', headers)).status, 401);
	}
	assert.equal(JSON.parse((await call(proxy, 'POST', '/v1/messages')).body).type, 'error');
	assert.equal((await call(proxy, 'GET', '/smart-ai/health')).status, 200);
	assert.equal((await call(sidecar.metrics, 'GET', '/ready')).status, 200);
	asked.length = 0;
	for (const [method, where] of [
		['GET', '/health'],
		['POST', '/ready'],
		['POST', '/smart-ai/health'],
	])
		assert.equal((await call(proxy, method, where)).status, 401, `${method} ${where}`);
	assert.deepEqual(asked, [], 'a host hears nothing of it');
	const placeholder = { authorization: 'Bearer ollama', 'x-api-key': key };
	assert.equal((await call(proxy, 'GET', '/api/tags', placeholder)).status, 200, 'one key of two is right');
	const large = Buffer.alloc(8 << 20, 'a');
	assert.equal((await call(proxy, 'POST', '/api/chat', {}, large)).status, 401, 'it is told, however much it sends');

	writeFileSync(file, 'another\n');
	process.kill(sidecar.pid, 'SIGHUP');
	while ((await call(proxy, 'GET', '/api/tags', { 'x-api-key': 'another' })).status !== 200);
	assert.equal((await call(proxy, 'GET', '/api/tags', { 'x-api-key': key })).status, 401);
	await sidecar.stop();
});

test('a page of elsewhere is refused before a host hears of it, on both listeners', async () => {
	const sidecar = await start('--allow-remote', '--origin', 'https://chat.example');
	const { proxy } = sidecar;
	asked.length = 0;
	for (const origin of [
		'http://evil.example',
		'null',
		'http://localhost.evil.example',
		'http://localhost:3000.evil.example',
	]) {
		for (const [base, method, where] of [
			[proxy, 'POST', '/api/chat'],
			[proxy, 'POST', '/api/pull'],
			[proxy, 'OPTIONS', '/api/chat'],
			[proxy, 'GET', '/api/tags'],
			[sidecar.metrics, 'GET', '/metrics'],
		]) {
			const { status, headers } = await call(base, method, where, { origin }, method === 'POST' ? '{}' : undefined);
			assert.deepEqual([status, headers['access-control-allow-origin']], [403, undefined], `${origin} ${where}`);
		}
	}
	assert.deepEqual(asked, []);
	for (const origin of ['http://localhost:3000', 'https://127.0.0.1', 'app://obsidian.md', 'https://chat.example']) {
		for (const [method, where, body] of [
			['GET', '/api/tags'],
			['GET', '/v1/models'],
			['GET', '/api/nothing'],
			['POST', '/api/chat', '{"messages":[]}'],
			['POST', '/smart-ai/decide', 'x'],
		]) {
			const { headers } = await call(proxy, method, where, { origin }, body);
			assert.deepEqual(
				[headers['access-control-allow-origin'], headers.vary],
				[origin, 'Origin'],
				`${origin} ${where}`,
			);
		}
		const asks = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' };
		const { status, headers } = await call(proxy, 'OPTIONS', '/api/chat', asks);
		assert.equal(status, 204);
		assert.match(headers['access-control-allow-headers'], /^Authorization,Content-Type,User-Agent,Accept,/);
		assert.deepEqual(
			[headers['access-control-allow-methods'], headers['access-control-max-age']],
			['GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS', '43200'],
		);
	}
	await sidecar.stop();
});

test('what would make a host tell the key that is meant for it goes to no host', async () => {
	const sidecar = await start();
	asked.length = 0;
	assert.equal((await call(sidecar.proxy, 'TRACE', '/api/chat')).status, 405);
	assert.deepEqual(asked, []);
	await sidecar.stop();
});

test('a host that is named and not there is said not to be there', async () => {
	const sidecar = await start();
	for (const where of ['/api/chat', '/api/show', '/v1/chat/completions']) {
		const { status, body } = await call(sidecar.proxy, 'POST', where, { 'x-smart-ai-host': 'nope' }, '{"model":"m"}');
		assert.equal(status, 404, where);
		assert.match(body, /no host is called nope/);
	}
	await sidecar.stop();
});

test('a name that a page could own is refused on both listeners, unless the owner has named it', async () => {
	const sidecar = await start('--allow-remote', '--name', 'ai.example');
	for (const [base, where] of [
		[sidecar.proxy, '/api/tags'],
		[sidecar.metrics, '/metrics'],
	]) {
		const status = async (name) => (await call(base, 'GET', where, { host: name })).status;
		for (const name of ['evil.example', 'evil.example:11435', 'x.ai.example'])
			assert.equal(await status(name), 403, name);
		for (const name of ['ai.example:443', 'smart-ai:11435', 'nas.local', '192.168.1.7:80', '[::1]']) {
			assert.equal(await status(name), 200, name);
		}
		const { hostname, port } = new URL(base);
		const socket = connect(Number(port), hostname);
		socket.write(`GET ${where} HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n`);
		assert.match(await text(socket), /^HTTP\/1.1 403 /, 'each name of two must be known');
	}
	await sidecar.stop();
});

test('hosts are changed by programs of this machine only, however the path is written', async () => {
	const changes = [
		['POST', '/api/pull'],
		['POST', '//api/pull/'],
		['POST', '/api%2Fpull'],
		['POST', '/api/%70ull'],
		['POST', '/api/push'],
		['POST', '/api/create'],
		['POST', '/api/copy'],
		['DELETE', '/api/delete'],
		['HEAD', '/api/blobs/sha256:0'],
		['POST', '/api/blobs/sha256:0'],
	];
	const statuses = async (sidecar, headers) => {
		const all = [];
		for (const [method, where] of changes) {
			all.push(
				(await call(sidecar.proxy, method, where, headers, method === 'POST' ? '{"model":"m"}' : undefined)).status,
			);
		}
		return [...new Set(all)];
	};
	const forwarded = { 'x-forwarded-for': '203.0.113.9' };
	const local = await start();
	asked.length = 0;
	assert.deepEqual(await statuses(local, forwarded), [403], 'a proxy asks for somebody else');
	assert.deepEqual(asked, []);
	for (const [name, value] of [
		['via', '1.1 proxy'],
		['x-forwarded-host', 'ai.example'],
		['cf-connecting-ip', '203.0.113.9'],
	])
		assert.deepEqual(await statuses(local, { [name]: value }), [403], name);
	for (const where of ['/api\\pull', '/api/\\pull', '/x/../api/pull', '/api%5Cpull', '/x/%2e%2e/api/pull']) {
		const { status } = await call(local.proxy, 'POST', where, forwarded, '{"model":"m"}');
		assert.equal(status, 400, `what ${where} means depends on who reads it`);
	}
	assert.deepEqual(asked, []);
	assert.deepEqual(await statuses(local, {}), [404], "the host's own word");
	await local.stop();
	const on = await start('--manage', 'on');
	assert.deepEqual(await statuses(on, forwarded), [404]);
	await on.stop();
});

test('half a request head and half a body do not hold up the end', async () => {
	const sidecar = await start('--drain', '20');
	const { hostname, port } = new URL(sidecar.proxy);
	const halves = [
		'',
		'POST /api/chat HTTP/1.1\r\nHo',
		'POST /api/chat HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"mod',
	];
	const sockets = halves.map((half) =>
		connect(Number(port), hostname, function sent() {
			this.write(half);
		}),
	);
	for (const socket of sockets) socket.on('error', () => {}).resume();
	// Taken after them: they have been taken, too.
	assert.equal((await call(sidecar.proxy, 'GET', '/smart-ai/health')).status, 200);
	const closed = Promise.all(sockets.map((socket) => once(socket, 'close')));
	process.kill(sidecar.pid, 'SIGTERM');
	const { code } = await sidecar.ended;
	assert.equal(code, 0, 'nothing had to be cut');
	await closed;
});
