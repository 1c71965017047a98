// What a caller who leaves, or whose time runs out, leaves behind: a closed connection, a free slot, a load that goes
// on.
import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import { until } from '../bed/process.mjs';
import { drivers } from './drivers.mjs';
import { MODEL } from './fleet.mjs';
import { startHost } from './host.mjs';
import { attemptsOf } from './trial.mjs';

const open = [];
after(() => Promise.all(open.map((host) => host.stop())));

async function host(model) {
	const started = await startHost({ models: [{ name: MODEL, size_gb: 0.1, prefill_tok_per_s: 5000, ...model }] });
	open.push(started);
	return started;
}

for (const [name, create] of Object.entries(drivers)) {
	suite(name, () => {
		test('cancelling closes the connection to the host, and the slot is free for the next job', async () => {
			const only = await host({ decode_tok_per_s: 50, output_tokens: 100_000 });
			const ai = create({ hosts: [{ id: 'a', url: only.url }] });
			const abort = new AbortController();
			const answer = await ai.ask({ prompt: 'Tell me all.' }, { signal: abort.signal, onText: () => abort.abort() });
			assert.equal(answer.error.code, 'cancelled');
			await until('the host is rid of the call', async () => (await only.stats()).in_flight === 0);
			const next = await ai.ask({ prompt: 'Say hello.', max_tokens: 2 });
			assert.ok(next.ok, JSON.stringify(next.error));
			assert.equal((await only.stats()).aborted, 1);
			ai.close();
		});

		test('cancelling a job that waits for a slot leaves the job in it alone', async () => {
			const only = await host({ decode_tok_per_s: 200, output_tokens: 100 });
			const ai = create({ hosts: [{ id: 'a', url: only.url }] });
			const abort = new AbortController();
			const first = ai.ask({ prompt: 'Say hello.' }, { onText: () => abort.abort() });
			const second = await ai.ask({ prompt: 'Say hello.' }, { signal: abort.signal });
			assert.deepEqual([second.error.code, attemptsOf(second)], ['cancelled', []]);
			assert.ok((await first).ok);
			ai.close();
		});

		test('a load too long for the deadline is left to go on, and another arm answers in time', async () => {
			const cold = await host({ decode_tok_per_s: 2000, output_tokens: 20, load_s: 0.1 });
			const slow = await host({ decode_tok_per_s: 20, output_tokens: 20 });
			const ai = create({
				refresh_ms: 100,
				hosts: [
					{ id: 'cold', instance: 'cold', url: cold.url },
					{ id: 'slow', instance: 'slow', url: slow.url },
				],
			});
			const askOf = async (id) => assert.ok((await ai.ask({ prompt: 'Say hello.', host: id })).ok);
			// Both are known, and the load was short; this time it is not.
			for (const id of ['cold', 'slow', 'cold']) await askOf(id);
			await cold.unload(MODEL);
			await cold.fault({ kind: 'slow', factor: 60 });
			// Meanwhile the hosts are looked at: the model is not in memory.
			await askOf('slow');
			const answer = await ai.ask({ prompt: 'Say hello.', deadline_ms: 4_000 });
			assert.ok(answer.ok, JSON.stringify(answer.error));
			assert.deepEqual(attemptsOf(answer), ['cold load_timeout', 'slow ok']);
			await until('the load is done', async () => {
				const { models } = await (await fetch(`${cold.url}/api/ps`)).json();
				return models.some((model) => model.name === MODEL);
			});
			assert.equal((await cold.stats()).load_aborts, 0);
			ai.close();
		});
	});
}
