import assert from 'node:assert/strict';
import { test } from 'node:test';

import request from '../dist-test/nodes/SmartAi/request.js';

const { baseRequest, contentAt, UnusableParameter } = request;

test('what is not set is not sent', () => {
	assert.deepEqual(baseRequest('balanced', '', {}, 'w/n'), { mode: 'balanced', shape: 'w/n' });
});

test('each option arrives under its own name and unit', () => {
	const options = {
		deadline: 1.5,
		host: ' pc ',
		system: 'Be brief.',
		maxTokens: 40,
		temperature: 0,
		topP: 0.5,
		ollama: '{"top_k":40}',
		keepAlive: '-1',
		think: false,
		shape: 'digest',
		schema: '{"type":"object"}',
	};
	assert.deepEqual(baseRequest('best', ' phi3:mini ', options, 'w/n'), {
		mode: 'best',
		shape: 'digest',
		deadline_ms: 1500,
		model: 'phi3:mini',
		host: 'pc',
		system: 'Be brief.',
		max_tokens: 40,
		think: false,
		keep_alive: -1,
		options: { top_k: 40, temperature: 0, top_p: 0.5 },
		schema: { type: 'object' },
	});
	assert.equal(baseRequest('best', '', { json: true }, 'w').schema, 'json');
});

test('a JSON parameter that is no object is refused with where to correct it', () => {
	for (const given of ['{', '[]', '3', 'null']) {
		const refused = (named) => (error) => error instanceof UnusableParameter && named.test(error.hint + error.message);
		assert.throws(() => baseRequest('best', '', { schema: given }, 'w'), refused(/option JSON Schema/), given);
		assert.throws(() => baseRequest('best', '', { ollama: given }, 'w'), refused(/option Ollama Options/), given);
	}
});

test('an empty text is refused by the name of its parameter', () => {
	assert.equal(contentAt(' a ', 'Text'), ' a ');
	assert.throws(() => contentAt(' ', 'Text'), /parameter Text is empty/);
});

test('a rollout compares with what is named: in shadow, or for a share by a key', () => {
	const of = (options) => baseRequest('fast', 'large:7b', options, 'w').rollout;
	assert.deepEqual(of({ rollout: 'shadow', rolloutPercent: 40 }), { percent: 0 });
	assert.deepEqual(of({ rollout: 'percent', rolloutKey: ' Ada ' }), { percent: 10, key: 'Ada' });
	assert.equal(of({ rollout: 'off', rolloutPercent: 40 }), undefined);
	assert.throws(() => baseRequest('fast', '', { rollout: 'shadow' }, 'w'), /nothing to compare with/);
	assert.equal(baseRequest('fast', '', { rollout: 'shadow', host: 'pc' }, 'w').host, 'pc');
});
