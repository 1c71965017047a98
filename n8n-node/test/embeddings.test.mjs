import assert from 'node:assert/strict';
import { test } from 'node:test';

import embeddingsModule from '../dist-test/nodes/SmartAiEmbeddings/dispatchedEmbeddings.js';
import hostModels from '../dist-test/nodes/SmartAi/hostModels.js';

const { dispatchedEmbeddings } = embeddingsModule;
const { lookAtHosts } = hostModels;

function embeddings(answer) {
	const asked = [];
	const ended = [];
	const made = dispatchedEmbeddings({
		engine: {
			ask: async (request) => {
				asked.push(request);
				return answer;
			},
		},
		defaults: { model: 'm' },
		begin: () => (end) => ended.push(end),
		failure: (message, hint) => Object.assign(new Error(message), { hint }),
	});
	return { ...made, asked, ended };
}

test('all texts go in one ask of the pinned model, and their vectors come back in order', async () => {
	const vectors = [[1], [2]];
	const { embedDocuments, asked, ended } = embeddings({ ok: true, embeddings: vectors });
	assert.deepEqual(await embedDocuments(['a', 'b']), vectors);
	const messages = [
		{ role: 'user', content: 'a' },
		{ role: 'user', content: 'b' },
	];
	assert.deepEqual(asked, [{ model: 'm', task: 'embed', messages }]);
	assert.equal(ended[0].ok, true);
	assert.deepEqual(await embeddings({ ok: true, embeddings: [[3]] }).embedQuery('c'), [3]);
	assert.deepEqual(await embedDocuments([]), []);
});

test('an empty text is named before anything is asked, and a failure or a wrong count is an error', async () => {
	const { embedDocuments, asked } = embeddings({});
	await assert.rejects(embedDocuments(['a', ' ']), /Text 2 of 2 to embed is empty/);
	assert.equal(asked.length, 0);
	const failed = embeddings({ ok: false, error: { message: 'no host', hint: 'start one' } });
	await assert.rejects(failed.embedQuery('a'), { message: 'no host', hint: 'start one' });
	assert.equal(failed.ended[0].message, 'no host');
	await assert.rejects(embeddings({ ok: true, embeddings: [[1]] }).embedDocuments(['a', 'b']), /1 vectors for 2/);
});

test('a list shows the models that can do it, and those of which nobody knows', async () => {
	const can = { 'nomic-embed-text': ['embedding'], 'phi3:mini': ['completion'], old: undefined };
	const request = async ({ url, body }) => {
		if (url.endsWith('/api/tags')) return { models: Object.keys(can).map((name) => ({ name })) };
		return { capabilities: can[body.model] };
	};
	const fleet = { hosts: { host: [{ name: 'pc', url: 'http://pc' }] } };
	const models = async (ability) => (await lookAtHosts(fleet, request, ability))[0].models;
	assert.deepEqual(await models('embedding'), ['nomic-embed-text', 'old']);
	assert.deepEqual(await models(undefined), Object.keys(can));
});
