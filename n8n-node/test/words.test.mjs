import assert from 'node:assert/strict';
import { test } from 'node:test';

import wordsModule from '../dist-test/nodes/SmartAi/words.js';

const { answeredBy, seconds, summaryOf } = wordsModule;
const terms = { load_s: 0, queue_s: 0, interference_s: 0, prefill_s: 0.2, decode_s: 1.8 };
const taken = { model: 'llama3.2:3b', host: 'nas', terms };
const answer = (candidates, attempts = []) => ({
	model: 'llama3.2:3b',
	host: 'nas',
	ms: { total: 2140 },
	attempts,
	decision: { candidates },
});

test('an answer tells who gave it, how fast, and what the next best would have cost', () => {
	assert.equal(answeredBy(answer([taken])), 'Answered by llama3.2:3b on nas in 2.1 s');
	const cold = { model: 'qwen2.5:7b', host: 'nas', terms: { ...terms, load_s: 14.2, decode_s: 3 } };
	assert.equal(
		answeredBy(answer([taken, cold])),
		'Answered by llama3.2:3b on nas in 2.1 s; qwen2.5:7b on nas would have loaded for 14 s',
	);
	const busy = { ...taken, host: 'pc', terms: { ...terms, queue_s: 0.05 } };
	assert.equal(answeredBy(answer([taken, busy])), 'Answered by llama3.2:3b on nas in 2.1 s');
});

test('an answer that took a second call tells what failed before', () => {
	const attempts = [
		{ host: 'pc', model: 'phi3:mini', outcome: 'connect_timeout' },
		{ host: 'nas', model: 'llama3.2:3b', outcome: 'ok' },
	];
	assert.match(answeredBy(answer([taken], attempts)), /; phi3:mini on pc failed \(connect timeout\)$/);
});

test('times are as exact as people say them', () => {
	assert.deepEqual([0.04, 2.14, 9.96, 61.4].map(seconds), ['under 0.1 s', '2.1 s', '10 s', '61 s']);
});

test('many answers are told in one line: how many by whom, what was repeated, what failed', () => {
	const by = (host, ok = true, calls = 1) => ({
		...answer([taken]),
		ok,
		host,
		attempts: Array.from({ length: calls }, () => ({ outcome: 'ok' })),
	});
	assert.equal(summaryOf([]), '');
	assert.match(summaryOf([by('nas')]), /^Answered by llama3.2:3b on nas/);
	assert.equal(
		summaryOf([by('pc'), by('nas'), by('nas', true, 2), by('nas', false)]),
		'4 items: 2 by llama3.2:3b on nas, 1 by llama3.2:3b on pc; 2.1 s on average; 1 call repeated elsewhere; 1 failed',
	);
});

test('an answer of another engine than should have says why', () => {
	const detour = 'the sidecar http://pc:11435 does not answer (connect ECONNREFUSED)';
	const went = { ...answer([taken]), ok: true, engine: 'wasm', detour };
	const told = `${detour}: WebAssembly decided in n8n`;
	assert.ok(answeredBy(went).endsWith(`; ${told}`));
	assert.ok(summaryOf([went, went]).endsWith(`on average; ${told}`));
});

test('a rollout says what was to be gained, and what was where both sides answered', () => {
	const forecast = (ms) => ({ host: 'nas', model: 'm', predicted_ms: ms });
	const of = (switched, total, chosen = 1000) => ({
		...answer([]),
		ok: true,
		ms: { total },
		decision: {
			candidates: [],
			comparison: { switched, named: forecast(4000), chosen: forecast(chosen), gain_ms: 4000 - chosen },
		},
	});
	assert.match(answeredBy(of(false, 4000)), /; Smart AI's own pick: 75 % less time than the chosen model expected$/);
	assert.match(answeredBy(of(false, 4000, 4100)), /own pick: about as much time as the chosen model expected$/);
	assert.match(
		summaryOf([of(false, 4000), of(true, 1200), of(false, 3600)]),
		/75 % less time than the chosen model expected; 1.2 s \(1\) on average by its pick, 3.8 s \(2\) by the model$/,
	);
});
