// The daily-digest template, as shipped, in a real n8n on real Ollama servers with real metrics.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { needOrSkip } from '../bed/index.mjs';
import { digestWorkflow, outputOf, startFeed, startN8n, startRealFleet, stopAll } from './digest.mjs';

const ENGINES = ['wasm', 'native'];

after(stopAll);

test('the digest is written, each item explained; what cannot work says why', async (t) => {
	if (!(await needOrSkip(t, 'ollama', 'models', 'prometheus', 'n8n'))) return;
	const [fleet, feed] = [await startRealFleet(), await startFeed()];
	const workflow = (id, change, engine = 'wasm') =>
		digestWorkflow({ id, feed: feed.url, engine, metrics: fleet.metrics, change });
	const unknown = { model: { __rl: true, mode: 'id', value: 'nope:1b' } };
	const n8n = await startN8n(fleet, [
		...ENGINES.map((engine) => workflow(engine, {}, engine)),
		workflow('unknown', unknown),
		workflow('empty', { prompt: ' ' }),
	]);

	for (const engine of ENGINES) {
		const { ok, run } = await n8n.execute(engine);
		assert.equal(ok, true, JSON.stringify(run?.data.resultData.error));
		const items = outputOf({ run }, 'Summarize Entry');
		assert.equal(items.length, feed.entries);
		for (const item of items) {
			assert.equal(item.engine, engine);
			assert.ok(item.text.length > 0 && item.usage.output_tokens > 0, JSON.stringify(item));
			assert.ok(fleet.models.includes(item.model) && ['pc', 'nas'].includes(item.host), JSON.stringify(item));
			assert.match(item.decision.reason, /expected/);
			assert.ok(
				item.decision.signals.some(({ signal, stale }) => signal === 'cpu_busy_ratio' || !stale),
				JSON.stringify(item.decision.signals),
			);
			t.diagnostic(
				`${engine}, ${item.model} on ${item.host}: ${Math.round(item.predicted_ms)} ms predicted, ` +
					`${Math.round(item.ms.total)} ms taken`,
			);
		}
		assert.equal(outputOf({ run }, 'Write Digest').length, 1);
	}

	const failure = async (id) => (await n8n.execute(id)).run?.data.resultData.error;
	assert.match((await failure('unknown')).message, /nope:1b/);
	assert.match((await failure('empty')).message, /empty/);

	await fleet.metrics.stop();
	const without = await n8n.execute('wasm');
	assert.equal(without.ok, true, JSON.stringify(without.run?.data.resultData.error ?? without.output));
	assert.match(outputOf(without, 'Summarize Entry')[0].decision.notes.join(' '), /metrics server does not answer/);
});
