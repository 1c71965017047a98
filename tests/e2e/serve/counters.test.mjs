// 2,000 requests of three clients through the proxy: every counter equals what the clients and the hosts counted
// themselves.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pMap from 'p-map';
import { stopAll, until } from '../bed/index.mjs';
import { curl, dispatcher, npmClient } from './clients.mjs';
import { build, startHost, startSidecar } from './sidecar.mjs';

const models = [
	{ name: 'small:latest', size_gb: 0.5, load_s: 0.1 },
	{ name: 'large:latest', size_gb: 2, load_s: 0.1 },
	{ name: 'vectors:latest', size_gb: 0.1, family: 'bert', capabilities: ['embedding'], embedding_length: 8 },
];

let hosts;
let sidecar;

before(async () => {
	const program = build();
	hosts = {
		pc: await startHost(program, { models, parallel: 4, keep_alive: -1 }),
		nas: await startHost(program, { models, parallel: 4, keep_alive: -1 }),
	};
	sidecar = await startSidecar(program, { pc: hosts.pc.url, nas: hosts.nas.url });
});

after(stopAll);

test('2,000 requests of three clients are counted exactly, by client, operation, outcome and token', async () => {
	const clients = [npmClient(sidecar.proxy, 1200), curl(sidecar.proxy, 200), await dispatcher(sidecar.proxy, 600)];
	await Promise.all(clients.map(({ tasks }) => pMap(tasks, (task) => task(), { concurrency: 4 })));
	clients.at(-1).close();
	const seen = await sidecar.scrape();

	assert.equal(seen.sum('ollama_requests_total'), 2000);
	for (const { label, truth } of clients) {
		for (const [key, count] of truth.requests) {
			const [operation, status, error_type] = key.split(' ');
			assert.equal(
				seen.sum('ollama_requests_total', { client: label, operation, status, error_type }),
				count,
				`${label} ${key}`,
			);
		}
	}
	const told = (part) => clients.reduce((total, { truth }) => total + truth[part], 0);
	assert.equal(seen.sum('ollama_prompt_tokens_total'), told('prompt'));
	assert.equal(seen.sum('ollama_generated_tokens_total'), told('output'));
	assert.equal(seen.sum('ollama_generation_tokens'), told('output'));
	assert.equal(seen.sum('gen_ai_client_token_usage_sum', { gen_ai_token_type: 'output' }), told('output'));

	for (const [host, { stats }] of Object.entries(hosts)) {
		const own = await stats();
		// A second call for a late first piece is cut when the first answers; what it had written no client got.
		const cut = seen.sum('dispatcher_attempts_total', { host, outcome: 'cancelled' });
		for (const [model, { output_tokens }] of Object.entries(cut === 0 ? own.models : {})) {
			assert.equal(seen.sum('ollama_generated_tokens_total', { host, model }), output_tokens, `${model} on ${host}`);
		}
		const runs = ['/api/chat', '/api/generate', '/api/embed'].reduce(
			(total, path) => total + (own.requests[path] ?? 0),
			0,
		);
		const passed = seen.sum('ollama_requests_total', { host, model: 'other' });
		assert.equal(seen.sum('dispatcher_attempts_total', { host }) + passed, runs, `calls of ${host}`);
		await until(
			`the loads on ${host}`,
			async () => (await sidecar.scrape()).sum('ollama_model_loads_total', { host }) === own.loads,
		);
	}
	assert.equal(seen.sum('ollama_requests_in_flight'), 0);
	assert.equal(seen.sum('ollama_queue_depth'), 0);
	const names = new Set(seen.samples.map(({ labels }) => labels.model).filter(Boolean));
	assert.deepEqual([...names].sort(), ['auto', ...models.map(({ name }) => name), 'other'].sort());
});

test('a client that leaves is counted once, and its host stops writing', async () => {
	const before = await sidecar.scrape();
	const leaving = new AbortController();
	await hosts.pc.fault({ kind: 'slow', delay_s: 30 });
	await hosts.nas.fault({ kind: 'slow', delay_s: 30 });
	const request = fetch(`${sidecar.proxy}/api/chat`, {
		method: 'POST',
		body: JSON.stringify({ model: 'small', messages: [{ role: 'user', content: 'Take your time' }] }),
		signal: leaving.signal,
	});
	const calls = async () => (await hosts.pc.stats()).in_flight + (await hosts.nas.stats()).in_flight;
	await until('the host to work', async () => (await calls()) === 1);
	leaving.abort();
	await assert.rejects(request);
	await until('the host to stop', async () => (await calls()) === 0);
	const cancelled = (seen) => seen.sum('ollama_requests_total', { status: 'cancelled' });
	await until('the count', async () => cancelled(await sidecar.scrape()) === cancelled(before) + 1);
	await Promise.all([hosts.pc.heal(), hosts.nas.heal()]);
	const seen = await sidecar.scrape();
	assert.equal(seen.sum('ollama_requests_in_flight'), 0);
	assert.equal(seen.sum('ollama_request_duration_seconds_count'), before.sum('ollama_request_duration_seconds_count'));
});

test('a stopped sidecar lets what is under way end, and takes no more', async () => {
	const program = build();
	const own = await startHost(program, { models: [{ name: 'slow:latest', decode_tok_per_s: 40, output_tokens: 100 }] });
	const short = await startSidecar(program, { only: own.url });
	const ask = () =>
		fetch(`${short.proxy}/api/generate`, {
			method: 'POST',
			body: JSON.stringify({ model: 'slow', prompt: 'Write', options: { num_predict: 40 } }),
		});
	const response = await ask();
	process.kill(short.pid, 'SIGTERM');
	const lines = (await response.text()).trim().split('\n');
	assert.equal(JSON.parse(lines.at(-1)).eval_count, 40);
	assert.equal((await short.ended).code, 0, short.log());
	await assert.rejects(ask());
});

test('clients whose requests outlast the time to end are told so', async () => {
	const program = build();
	const own = await startHost(program, {
		models: [{ name: 'slow:latest', decode_tok_per_s: 5, output_tokens: 1_000 }],
	});
	const short = await startSidecar(program, { only: own.url }, ['--drain', '1']);
	const ask = () =>
		fetch(`${short.proxy}/api/generate`, { method: 'POST', body: JSON.stringify({ model: 'slow', prompt: 'Write' }) });
	const writing = await ask();
	const waiting = ask();
	await until('one to wait', async () => (await short.scrape()).sum('ollama_requests_queued') === 1);
	process.kill(short.pid, 'SIGTERM');
	const error = 'the server is stopping';
	assert.deepEqual(JSON.parse((await writing.text()).trim().split('\n').at(-1)), { error });
	const response = await waiting;
	assert.deepEqual([response.status, await response.json()], [503, { error }]);
	assert.equal((await short.ended).code, 1, short.log());
});
