// Models that are loaded before anybody asks them, on the build that BUILD names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fleet } from '../world/fleet.mjs';

const posts = ({ requests }) => requests.filter(({ path }) => ['/api/generate', '/api/embed'].includes(path));

test('who waits for one model shares one load, without a prompt', async () => {
	const { ai, servers } = await fleet([{}]);
	const prepared = await Promise.all([ai.prepare({ task: 'general' }), ai.prepare({ model: 'phi3:mini' })]);
	assert.deepEqual(
		prepared.map(({ ok, state, host, model, error }) => ({ ok, state, host, model, error })),
		prepared.map(() => ({ ok: true, state: 'loaded', host: 'h0', model: 'phi3:mini', error: null })),
	);
	assert.deepEqual(
		posts(servers[0]).map(({ path, body }) => [path, body.model, body.prompt, body.stream]),
		[['/api/generate', 'phi3:mini', undefined, false]],
	);
});

test('a model that only embeds is loaded by embedding nothing', async () => {
	const { ai, servers } = await fleet([{ models: ['e'], abilities: { e: ['embedding'] } }]);
	const { state, model } = await ai.prepare({ task: 'embed' });
	assert.deepEqual([state, model], ['loaded', 'e']);
	assert.deepEqual(
		posts(servers[0]).map(({ path, body }) => [path, body.input]),
		[['/api/embed', []]],
	);
});

test('a model for later is planned, and a moment or a key that makes no sense is refused', async () => {
	const { ai, servers } = await fleet([{}]);
	const planned = await ai.prepare({ at: new Date(Date.now() + 3_600_000) });
	assert.deepEqual([planned.state, posts(servers[0]).length], ['planned', 0]);
	assert.ok(planned.begins_in_ms > 3_500_000 && planned.begins_in_ms < 3_600_000, `${planned.begins_in_ms}`);
	await assert.rejects(ai.prepare({ at: 'soon' }), { code: 'invalid_request', message: /^at: must be/ });
	await assert.rejects(ai.prepare({ prompt: 'Hi' }), { code: 'invalid_request', message: /^prompt: unknown key/ });
});

test('a load that fails is told with the words of its host', async () => {
	const { ai } = await fleet([{ status: { '/api/generate': 500 } }]);
	const { ok, state, error } = await ai.prepare({});
	assert.deepEqual([ok, state], [false, 'failed']);
	assert.match(error.message, /^h0 could not load phi3:mini: server_error: .*as the test says/);
});
