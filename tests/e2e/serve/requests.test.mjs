// Every request that runs a model is a job: whatever its spelling, and wherever its model is.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { stopAll, until } from '../bed/index.mjs';
import { ollamaHost } from './ollama-host.mjs';
import { build, startSidecar } from './sidecar.mjs';

const many = Array.from({ length: 250 }, (_, number) => `m${number}:latest`);
let first;
let second;
let sidecar;

before(async () => {
	first = await ollamaHost(['other:latest', 'both:latest']);
	second = await ollamaHost(['mine:latest', 'both:latest', ...many], { size: '', digest: '', details: null });
	sidecar = await startSidecar(build(), { first: first.url, second: second.url }, [], 60);
});

after(async () => {
	await stopAll();
	first.stop();
	second.stop();
});

const send = (path, body, options = {}) =>
	fetch(`${sidecar.proxy}${path}`, {
		method: 'POST',
		headers: { 'content-type': 'application/json' },
		body: typeof body === 'string' ? body : JSON.stringify(body),
		...options,
	});
const messages = [{ role: 'user', content: 'Hi' }];
const host = (response) => response.headers.get('x-smart-ai-host');
/** Jobs that the dispatcher has ended. */
const jobs = async () => (await sidecar.scrape()).sum('dispatcher_jobs_total', { outcome: 'ok' });

test('the first request is answered before anything was looked at', async () => {
	const response = await send('/api/chat', { model: 'mine', messages });
	assert.deepEqual([response.status, host(response)], [200, 'second']);
});

const spellings = [
	'mine',
	'MINE:Latest',
	'library/mine',
	'registry.ollama.ai/library/mine:latest',
	'mine:local',
	' mine ',
	'm249',
];
for (const model of spellings) {
	test(`"${model}" is found on its host and dispatched`, async () => {
		const before = await jobs();
		const response = await send('/api/chat', { model, messages, stream: false });
		assert.deepEqual([response.status, host(response)], [200, 'second']);
		await until('the job', async () => (await jobs()) === before + 1);
	});
}

for (const path of ['//api/chat', '/api//chat/', '/%61pi/chat', '/api/chat?beta=true']) {
	test(`${path} is dispatched`, async () => {
		const before = await jobs();
		assert.equal((await send(path, { model: 'both', messages })).status, 200);
		await until('the job', async () => (await jobs()) === before + 1);
	});
}

test('keys in capitals, text behind the object and chunks are read', async () => {
	const body = JSON.stringify({ MODEL: 'mine', Messages: messages }).replace('MODEL', 'Model');
	assert.equal(host(await send('/api/chat', body)), 'second');
	const chunks = new Blob([JSON.stringify({ model: 'mine', messages })]).stream();
	assert.equal(host(await send('/api/chat', undefined, { body: chunks, duplex: 'half' })), 'second');
});

test('half an emoji falls back as whole text does', async () => {
	first.busy = true;
	const body = JSON.stringify({ model: 'both', messages: [{ role: 'user', content: 'X' }] }).replace('X', '\\ud83d');
	for (let round = 0; round < 3; round += 1) {
		const response = await send('/api/chat', body);
		assert.deepEqual([response.status, host(response)], [200, 'second']);
	}
	first.busy = false;
	assert.equal(second.of('/api/chat').at(-1).body.messages[0].content, '\ufffd');
});

test('a model that was pulled a moment ago is found, and one that is nowhere is not', async () => {
	second.models.add('new:latest');
	const response = await send('/api/chat', { model: 'new', messages });
	assert.deepEqual([response.status, host(response)], [200, 'second']);
	assert.equal((await send('/api/chat', { model: 'nowhere', messages })).status, 404);
});

test("what Ollama's own command line sends is about the host that has the model", async () => {
	assert.equal((await send('/api/show', { model: '', name: 'mine', verbose: false })).status, 200);
	await (await send('/api/pull', { model: '', name: 'mine' })).text();
	assert.deepEqual([first.of('/api/pull').length, second.of('/api/pull').length], [0, 1]);
	await (await send('/api/pull', { model: 'brand-new' })).text();
	assert.equal(first.of('/api/pull').length, 1, 'what is new comes to the first host');
});

test('an unload reaches every host that has the model', async () => {
	const response = await send('/api/generate', { model: 'both', keep_alive: 0 });
	assert.equal((await response.json()).done_reason, 'unload');
	for (const { of } of [first, second]) assert.equal(of('/api/generate').at(-1)?.body.keep_alive, 0);
});

test("every entry of the lists can be read by Ollama's clients, and asked about", async () => {
	const { models } = await (await fetch(`${sidecar.proxy}/api/tags`)).json();
	assert.equal(models.length, new Set([...first.models, ...second.models]).size + 3);
	for (const model of models) {
		assert.ok(model.digest.length >= 12, model.name);
		assert.ok(Number.isInteger(model.size), model.name);
		assert.equal(typeof model.details, 'object');
	}
	for (const name of ['auto', 'auto:fast', 'auto:best', 'mine:latest']) {
		const shown = await send('/api/show', { model: name });
		assert.equal(shown.status, 200, name);
		const { capabilities } = await shown.json();
		assert.ok(capabilities.includes('tools'), name);
		// Ollama's command line embeds whatever it is asked with a model that lists this.
		assert.equal(capabilities.includes('embedding'), name.startsWith('mine'), name);
	}
	for (const name of ['auto', 'auto:fast', 'auto%3Abest'])
		assert.equal((await fetch(`${sidecar.proxy}/v1/models/${name}`)).status, 200, name);
});

test('a sidecar before another one lists auto once, and serves what that one serves', async () => {
	const outer = await startSidecar(build(), { inner: sidecar.proxy });
	await until('the first look', async () => (await outer.scrape()).sum('ollama_up') === 1);
	const listed = async (path) => (await fetch(`${outer.proxy}${path}`)).json();
	const named = (list) => list.filter((name) => name.startsWith('auto'));
	const auto = ['auto', 'auto:fast', 'auto:best'];
	assert.deepEqual(named((await listed('/api/tags')).models.map(({ name }) => name)), auto);
	assert.deepEqual(named((await listed('/v1/models')).data.map(({ id }) => id)), auto);
	for (const model of ['mine', 'auto']) {
		const options = { method: 'POST', body: JSON.stringify({ model, messages, stream: false }) };
		assert.equal((await fetch(`${outer.proxy}/api/chat`, options)).status, 200, model);
	}
	await outer.stop();
});
