// What makes no sense is refused by name, on the build that BUILD names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { built } from '../world/build.mjs';
import { fleet } from '../world/fleet.mjs';

test('a wrong ask is refused with a hint', async () => {
	const { ai } = await fleet([{}]);
	const { error } = await ai.ask({ prompt: '' });
	assert.equal(error.code, 'invalid_request');
	assert.ok(error.hint);
	const unknown = await ai.ask({ prompt: 'x', propmt: 1 });
	assert.match(unknown.error.message, /propmt/);
	await assert.rejects(ai.decide({ prompt: '' }), { code: 'invalid_request' });
});

test('a wrong configuration names its key', () => {
	const create = (config) => () => built.createDispatcher(config);
	assert.throws(create({ hosts: [{ url: 'http://a', paralel: 2 }] }), { code: 'config_invalid', message: /paralel/ });
	assert.throws(create({ hosts: [{ url: 'a:1' }] }), { code: 'config_invalid', field: 'hosts[0].url' });
	assert.throws(create({ hosts: [] }), { code: 'config_invalid', field: 'hosts' });
});

test('misuse throws', async () => {
	const { ai } = await fleet([{}]);
	await assert.rejects(ai.ask('hello'), { code: 'invalid_argument' });
	ai.close();
	await assert.rejects(ai.ask({ prompt: 'x' }), { code: 'closed' });
});
