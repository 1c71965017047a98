// What the Smart AI node has learned outlives a restart of n8n, in the static data of the workflow.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ollama } from '../../world/ollama.mjs';
import { needOrSkip, stopAll } from '../bed/index.mjs';
import { activate, call, cluster, node } from './cluster.mjs';
import { ADDON, fleetOf, NODE, PACKAGE } from './workbench.mjs';

const ENGINES = ['wasm', 'native'];

after(stopAll);

test('a restarted n8n predicts as before, by either engine that lives in it', async (t) => {
	const bed = await needOrSkip(t, 'n8n');
	if (!bed) return;
	const host = await ollama();
	t.after(() => host.close());
	const fleet = fleetOf('Fleet', { pc: host.url });
	const flows = ENGINES.map((engine) => {
		const parameters = { prompt: '={{ $json.body.question }}', task: 'general', mode: 'fast', options: { engine } };
		const ask = node('Ask', NODE, 1, parameters, {
			credentials: { smartAiFleetApi: { id: fleet.id, name: fleet.name } },
		});
		return cluster({ id: `remembers-${engine}`, roots: [ask], subs: [] });
	});
	const instance = await bed.n8n.start({ packages: [PACKAGE, ADDON], credentials: [fleet], workflows: flows });
	const predicted = async (server) => {
		const told = [];
		for (const flow of flows) {
			const { text, predicted_ms, engine } = await (await call(server, flow, { question: 'Say hello.' })).json();
			assert.equal(text, 'Hello there');
			told.push({ engine, predicted_ms });
		}
		assert.deepEqual(
			told.map(({ engine }) => engine),
			ENGINES,
		);
		return told.map(({ predicted_ms }) => predicted_ms);
	};

	const first = await instance.server();
	const session = await first.session();
	for (const flow of flows) await activate(session, flow);
	const unknown = await predicted(first);
	await first.stop();

	const learned = await predicted(await instance.server());
	for (const [at, engine] of ENGINES.entries()) {
		const told = `${engine}: ${unknown[at]} ms expected at first, ${learned[at]} ms after the restart`;
		assert.ok(learned[at] < unknown[at] / 2, told);
	}
});
