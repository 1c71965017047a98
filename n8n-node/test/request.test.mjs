import assert from 'node:assert/strict';
import { test } from 'node:test';

import request from '../dist-test/nodes/SmartAi/request.js';

const { askRequest, UnusableParameter } = request;
const plain = { prompt: 'Why?', task: 'auto', mode: 'balanced', deadline: 0, model: '', options: {} };

test('what is not set is not sent', () => {
	assert.deepEqual(askRequest(plain, 'w/n'), { prompt: 'Why?', task: 'auto', mode: 'balanced', shape: 'w/n' });
});

test('each parameter arrives under its own name and unit', () => {
	const options = {
		host: ' pc ',
		system: 'Be brief.',
		maxTokens: 40,
		temperature: 0,
		shape: 'digest',
		schema: '{"type":"object"}',
	};
	assert.deepEqual(askRequest({ ...plain, deadline: 1.5, model: ' phi3:mini ', options }, 'w/n'), {
		prompt: 'Why?',
		task: 'auto',
		mode: 'balanced',
		shape: 'digest',
		deadline_ms: 1500,
		model: 'phi3:mini',
		host: 'pc',
		system: 'Be brief.',
		max_tokens: 40,
		options: { temperature: 0 },
		schema: { type: 'object' },
	});
});

test('a schema that is not a JSON object is refused with what to enter', () => {
	for (const schema of ['{', '[]', '3', 'null']) {
		assert.throws(
			() => askRequest({ ...plain, options: { schema } }, 'w/n'),
			(error) => {
				return error instanceof UnusableParameter && /JSON Schema/.test(error.hint);
			},
			schema,
		);
	}
});
