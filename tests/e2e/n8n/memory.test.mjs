// What the Smart AI node has learned outlives a restart of n8n, in the static data of the workflow.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ollama } from '../../world/ollama.mjs';
import { needOrSkip, stopAll } from '../bed/index.mjs';
import { activate, call, cluster, node } from './cluster.mjs';
import { fleetOf, NODE, PACKAGE } from './workbench.mjs';

after(stopAll);

test('a restarted n8n predicts as before', async (t) => {
	const bed = await needOrSkip(t, 'n8n');
	if (!bed) return;
	const host = await ollama();
	t.after(() => host.close());
	const fleet = fleetOf('Fleet', { pc: host.url });
	const parameters = {
		prompt: '={{ $json.body.question }}',
		task: 'general',
		mode: 'fast',
		options: { engine: 'wasm' },
	};
	const ask = node('Ask', NODE, 1, parameters, {
		credentials: { smartAiFleetApi: { id: fleet.id, name: fleet.name } },
	});
	const flow = cluster({ id: 'remembers', roots: [ask], subs: [] });
	const instance = await bed.n8n.start({ packages: [PACKAGE], credentials: [fleet], workflows: [flow] });
	const predicted = async (server) => {
		const { text, predicted_ms } = await (await call(server, flow, { question: 'Say hello.' })).json();
		assert.equal(text, 'Hello there');
		return predicted_ms;
	};

	const first = await instance.server();
	await activate(await first.session(), flow);
	const unknown = await predicted(first);
	await first.stop();

	const learned = await predicted(await instance.server());
	assert.ok(learned < unknown / 2, `${unknown} ms expected at first, ${learned} ms after the restart`);
});
