// What a look at a host or at the metrics server asks and takes, on the build that BUILD names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closing, fleet } from '../world/fleet.mjs';
import { serving } from '../world/server.mjs';

/** A metrics server whose rules record how busy a processor is, and the queries that it was asked. */
async function recording() {
	const queries = [];
	const server = await serving(async (request, response) => {
		let body = '';
		for await (const chunk of request) body += chunk;
		queries.push(new URLSearchParams(body).get('query'));
		const series = (part, value) => ({
			metric: { smart_ai: `node_exporter_linux/cpu_busy_ratio/${part}`, instance: '127.0.0.1:9100' },
			value: [0, value],
		});
		const result = [series('value', '0.5'), series('age', '1')];
		response.setHeader('content-type', 'application/json');
		response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }));
	});
	return { url: closing(server).url, queries };
}

test('signals that rules have recorded are asked for by one selector', async () => {
	const { url, queries } = await recording();
	const { ai } = await fleet([{}], { prometheus: { url } });
	assert.ok((await ai.ask({ prompt: 'Say hello.' })).ok);
	await ai.snapshot();
	assert.ok(queries.length > 0);
	assert.ok(
		queries.every((query) => query.startsWith('smart_ai:signals{')),
		queries[0],
	);
});

test('a host whose list of models never ends counts as lost', async () => {
	const { ai } = await fleet([{ page: ' '.repeat(5 << 20) }]);
	const { ok, error } = await ai.ask({ prompt: 'Say hello.' });
	assert.equal(ok, false);
	assert.match(error.message, /larger than 4194304 bytes/);
});
