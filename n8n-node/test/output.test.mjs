import assert from 'node:assert/strict';
import { test } from 'node:test';

import output from '../dist-test/nodes/SmartAi/output.js';

const { answerOutput, failureOutput, failureOf } = output;
const decision = {
	chosen: { host: 'pc', model: 'm' },
	reason: 'warm',
	predicted_ms: 900,
	task: 'general',
	mode: 'fast',
	prompt_tokens: 3,
	output_tokens: 9,
	candidates: [{ host: 'pc' }],
	dropped: [],
	signals: [],
	notes: [],
};
const answer = {
	id: '1',
	ok: true,
	text: '{"a":1}',
	error: null,
	model: 'm',
	host: 'pc',
	attempts: [],
	decision,
	usage: { prompt_tokens: 3, output_tokens: 9 },
	ms: { queue: 0, load: 0, first_token: 5, total: 20 },
	predicted_ms: 900,
	engine: 'wasm',
};

test('the output says who answered, at what cost, on which engine', () => {
	const told = answerOutput(answer, {}, { decision: 'none', simplify: false });
	assert.deepEqual(Object.keys(told), ['text', 'model', 'host', 'usage', 'ms', 'predicted_ms', 'attempts', 'engine']);
	assert.equal(told.engine, 'wasm');
});

test('the decision comes whole, in short, or not at all', () => {
	const of = (detail) => answerOutput(answer, {}, { decision: detail, simplify: false }).decision;
	assert.equal(of('full'), decision);
	assert.equal(of('summary').reason, 'warm');
	assert.equal('candidates' in of('summary'), false);
	assert.equal(of('none'), undefined);
});

test('with a schema the value is there beside the text, and null where the text was cut', () => {
	const of = (text) => answerOutput({ ...answer, text }, { schema: {} }, { decision: 'none', simplify: true }).data;
	assert.deepEqual(of('{"a":1}'), { a: 1 });
	assert.equal(of('{"a":'), null);
});

test('a failure keeps its code, message, hint and what text there is', () => {
	const failed = {
		...answer,
		ok: false,
		text: 'half',
		error: { code: 'cut_off', message: 'It broke off', hint: 'Ask again' },
	};
	const told = failureOutput(failed, { decision: 'none', simplify: true });
	assert.deepEqual(told, { error: 'It broke off', code: 'cut_off', hint: 'Ask again', text: 'half' });
	assert.equal(failureOf({ ...failed, error: null }).code, 'unexplained');
});
