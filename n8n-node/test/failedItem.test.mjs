import assert from 'node:assert/strict';
import { test } from 'node:test';

import failedItem from '../dist-test/nodes/SmartAi/failedItem.js';

const { FailedItem, outcomeOf } = failedItem;
const context = (onError) => ({
	continueOnFail: () => onError !== undefined,
	getNode: () => ({ name: 'Ask', type: 'x', typeVersion: 1, position: [0, 0], parameters: {}, onError }),
});
const { signal } = new AbortController();
const failing = (error) => async () => {
	throw error;
};
const run = (onError, work) => outcomeOf(context(onError), 3, signal, work);
const failed = new FailedItem('no host answers', 'Start one.', {
	error: 'no host answers',
	code: 'no_host',
	hint: 'Start one.',
});

test('an item that is answered is its output', async () => {
	const of = (text) => ({ json: { text }, pairedItem: { item: 3 } });
	assert.deepEqual(await run(undefined, async () => ({ text: 'a' })), [of('a')]);
	assert.deepEqual(await run(undefined, async () => [{ text: 'a' }, { text: 'b' }]), [of('a'), of('b')]);
});

test('what fails stops the node, with the item and what to do', async () => {
	await assert.rejects(run(undefined, failing(failed)), (error) => {
		assert.equal(error.name, 'NodeOperationError');
		assert.deepEqual([error.message, error.description], ['no host answers', 'Start one.']);
		assert.equal(error.context.itemIndex, 3);
		return true;
	});
});

test('where the workflow goes on, whatever an item throws is its output', async () => {
	const going = (error) => run('continueRegularOutput', failing(error));
	assert.deepEqual((await going(failed))[0].json, failed.output);
	for (const thrown of [new Error('no such field'), new TypeError('x is not a function'), 'a text', null]) {
		const [{ json, pairedItem }] = await going(thrown);
		assert.deepEqual([json.error, json.code], [thrown?.message ?? String(thrown), 'invalid_request']);
		assert.ok(json.hint.length > 0);
		assert.deepEqual(pairedItem, { item: 3 });
	}
});

test('an error output gets what n8n takes for an error, with all that is known', async () => {
	const [{ json }] = await run('continueErrorOutput', failing(failed));
	assert.deepEqual(json, { error: 'no host answers', details: { code: 'no_host', hint: 'Start one.' } });
});

test('a run that is cancelled ends, also where the workflow goes on', async () => {
	const aborted = AbortSignal.abort();
	await assert.rejects(outcomeOf(context('continueRegularOutput'), 0, aborted, failing(failed)), /no host answers/);
});
