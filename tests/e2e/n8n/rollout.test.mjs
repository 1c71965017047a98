// A gradual rollout in a real n8n: what Shadow says would be gained by Smart AI's choice is what the switch then gains;
// a share of the items is switched; both are in the sidecar's history. So it is under an agent, by the chat model.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { after, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { needOrSkip, scratchFolder, stopAll } from '../bed/index.mjs';
import { build, startHostOfSpeed, startSidecar } from '../serve/sidecar.mjs';
import { activate, agent, call, chatModel, cluster, latest, node } from './cluster.mjs';
import { fleetOf, NODE, startServer } from './workbench.mjs';

const ITEMS = 100;
/** Share between what is predicted and what is measured. On a machine with nothing else to do it is below 0.15. */
const GAP = 0.3;
after(stopAll);

test('what Shadow predicts is what the switch measures, and a share of the items is switched', async (t) => {
	const bed = await needOrSkip(t, 'n8n');
	if (!bed) return;
	const program = build();
	const hosts = { pc: (await startHostOfSpeed(program, 2)).url, nas: (await startHostOfSpeed(program, 1)).url };
	const history = path.join(scratchFolder('history'), 'history.db');
	const sidecar = await startSidecar(program, hosts, ['--history', history]);
	const models = 'small:1b, large:7b';
	const fleets = [fleetOf('Own', hosts, { models }), fleetOf('Sidecar', hosts, { models, sidecars: sidecar.proxy })];
	const split = node('Split', 'n8n-nodes-base.splitOut', 1, { fieldToSplitOut: 'body.items', options: {} });
	const flowOf = (id, { id: fleet, name }, options) => {
		const parameters = {
			resource: 'text',
			operation: 'generate',
			prompt: "={{ $json['body.items'] }}",
			mode: 'fast',
			// As workflows are before: one model on one host.
			model: { __rl: true, mode: 'id', value: 'large:7b' },
			options: { host: 'nas', maxTokens: 32, concurrency: 2, ...options },
		};
		const ask = node('Ask', NODE, 2, parameters, { credentials: { smartAiFleetApi: { id: fleet, name } } });
		return cluster({ id, roots: [split, ask], subs: [] });
	};
	const [own, shared] = fleets;
	const flows = {
		shadow: flowOf('shadow', own, { engine: 'wasm', rollout: 'shadow' }),
		switched: flowOf('switched', own, { engine: 'wasm', rollout: 'percent', rolloutPercent: 100 }),
		percent: flowOf('percent', shared, { rollout: 'percent', rolloutPercent: 30 }),
	};
	const agentOf = (id, options) => {
		const model = { __rl: true, mode: 'id', value: 'large:7b' };
		const given = { mode: 'fast', model, options: { host: 'nas', maxTokens: 32, ...options } };
		return cluster({ id, roots: [agent()], subs: [chatModel(shared, given)] });
	};
	flows.agent = agentOf('agent', { rollout: 'shadow' });
	flows.agentSwitched = agentOf('agentSwitched', { rollout: 'percent', rolloutPercent: 100 });
	const { server, session } = await startServer(bed.n8n, { credentials: fleets, workflows: Object.values(flows) });
	for (const flow of Object.values(flows)) await activate(session, flow);
	// Long enough to teach how fast each model reads, and none begins like another.
	const items = Array.from({ length: ITEMS }, (_, at) => `Item ${at}: ${`number ${at} of the catalogue, `.repeat(40)}`);
	const run = async (flow, some = items) => {
		await (await call(server, flow, { items: some })).text();
		const { runs } = await latest(session, flow);
		const [{ data, error, hints = [] }] = runs.Ask;
		assert.equal(error, undefined, JSON.stringify(error));
		return { told: data.main[0].map(({ json }) => json), hints: hints.map(({ message }) => message).join('\n') };
	};
	const sum = (list, of) => list.reduce((total, one) => total + of(one), 0);

	// The models of the faster host are in memory, as where others use them.
	for (const model of ['small:1b', 'large:7b']) {
		const body = JSON.stringify({ model, prompt: 'Hello', stream: false, options: { num_predict: 8 } });
		await (await fetch(`${hosts.pc}/api/generate`, { method: 'POST', body })).text();
	}
	// What each model and host can do is learned first, as it is where a workflow has run for a while.
	for (const flow of [flows.shadow, flows.switched]) await run(flow, items.slice(0, 12));
	const shadow = await run(flows.shadow);
	assert.ok(
		shadow.told.every(({ model, host, rollout }) => `${model} on ${host}` === 'large:7b on nas' && !rollout.switched),
	);
	const predicted =
		sum(shadow.told, ({ rollout }) => rollout.gain_ms) / sum(shadow.told, ({ rollout }) => rollout.named.predicted_ms);
	assert.match(shadow.hints, /Smart AI's own pick: \d+ % less time than the chosen model expected/);

	const switched = await run(flows.switched);
	assert.ok(switched.told.every(({ rollout }) => rollout.switched));
	const took = ({ told }) => sum(told, ({ ms }) => ms.total) / told.length;
	const measured = 1 - took(switched) / took(shadow);
	const points = (share) => Math.round(share * 100);
	t.diagnostic(`gain: ${points(predicted)} % predicted, ${points(measured)} % measured`);
	assert.ok(Math.abs(predicted - measured) <= GAP, `${points(predicted)} % predicted, ${points(measured)} % measured`);

	const part = await run(flows.percent);
	const share = part.told.filter(({ rollout }) => rollout.switched).length;
	assert.ok(share > 15 && share < 45, `${share} of ${ITEMS} switched`);
	assert.ok(part.told.every(({ engine }) => engine === 'sidecar'));
	assert.match(part.hints, /on average by its pick, /);
	const again = await run(flows.percent);
	const sides = ({ told }) => told.map(({ rollout }) => rollout.switched);
	assert.deepEqual(sides(again), sides(part));

	const converse = async (flow) => {
		const { output } = await (await call(server, flow, { question: 'Which city is it?' })).json();
		assert.ok(output?.length > 0);
		const [{ data, hints }] = (await latest(session, flow)).runs.Model;
		const [[{ json }]] = data.ai_languageModel;
		return { ...json.response.generations[0][0].generationInfo.smart_ai, hint: hints[0].message };
	};
	const beside = await converse(flows.agent);
	assert.deepEqual([beside.model, beside.host, beside.engine], ['large:7b', 'nas', 'sidecar']);
	assert.equal(beside.rollout.switched, false);
	assert.match(beside.hint, /Answered by large:7b on nas in .*; Smart AI's own pick: /);
	const picked = await converse(flows.agentSwitched);
	assert.equal(picked.rollout.switched, true);
	await sidecar.stop();
	const kept = execFileSync(program('smart-ai'), ['history', '--history', history, '--json', '--limit', '1000'], {
		encoding: 'utf8',
	});
	const rows = kept
		.trim()
		.split('\n')
		.map((line) => JSON.parse(line).decision.comparison);
	assert.equal(rows.filter(({ switched: is }) => is).length, 2 * share + 1);
	for (const { rollout } of [beside, picked]) {
		assert.ok(rows.some((row) => isDeepStrictEqual(row, rollout)));
	}
});
