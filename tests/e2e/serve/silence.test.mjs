// Silence in real time: a host that hangs, a client that stops reading, a client that leaves while its model loads.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { scratchFolder, stopAll, until } from '../bed/index.mjs';
import { scriptedHost } from './scripted-host.mjs';
import { build, startHost, startSidecar } from './sidecar.mjs';

const CONFIG = 'first_token_timeout_ms = 1000\nstall_timeout_ms = 1000\nclient_timeout_ms = 1000\n';
const hosts = [];

/** A host that lists one loaded model and answers as `answer` does. */
async function hostThat(answer) {
	const scripted = (incoming, outgoing) => {
		incoming.resume();
		incoming.on('end', () => answer(incoming, outgoing));
	};
	const host = await scriptedHost(scripted, { loaded: true });
	hosts.push(host);
	return host.url;
}

/** A sidecar whose calls may be silent for a second. */
async function impatient(hosts) {
	const file = path.join(scratchFolder('silence'), 'smart-ai.toml');
	writeFileSync(file, CONFIG);
	const sidecar = await startSidecar(build(), hosts, ['--config', file]);
	const ready = async () => (await sidecar.scrape()).sum('ollama_up') === Object.keys(hosts).length;
	await until('the hosts', ready);
	return sidecar;
}

before(() => build());
after(async () => {
	await stopAll();
	for (const host of hosts) await host.close();
});

const post = (sidecar, path, body, headers = {}) =>
	fetch(`${sidecar.proxy}${path}`, {
		method: 'POST',
		headers: { 'content-type': 'application/json', ...headers },
		body: JSON.stringify({ model: 'm', ...body }),
		signal: AbortSignal.timeout(30_000),
	});
const messages = [{ role: 'user', content: 'Hi' }];
const line = (content, done) => `${JSON.stringify({ model: 'm', message: { role: 'assistant', content }, done })}\n`;
const event = (content) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
const words = {
	'/api/chat': [line('Hi', false), line('', true)],
	'/v1/chat/completions': [event('Hi'), 'data: [DONE]\n\n'],
};

for (const path of Object.keys(words)) {
	for (const how of ['says nothing', 'stops after a word']) {
		test(`a whole answer of ${path} is asked elsewhere where its host ${how}`, async () => {
			const hanging = await hostThat((incoming, outgoing) => {
				if (how !== 'says nothing') outgoing.write(words[incoming.url][0]);
			});
			const well = await hostThat((incoming, outgoing) => outgoing.end(words[incoming.url].join('')));
			// The name that comes first is asked first.
			const sidecar = await impatient({ a: hanging, b: well });
			const answer = await post(sidecar, path, { messages, stream: false });
			const { message, choices } = await answer.json();
			assert.equal((message ?? choices[0].message).content, 'Hi');
			assert.equal(answer.headers.get('x-smart-ai-host'), 'b');
			await sidecar.stop();
		});
	}
}

test('a client that stops reading ends as client_slow, and its host serves on', async () => {
	let left = 0;
	const url = await hostThat((incoming, outgoing) => {
		if (incoming.headers['user-agent'] !== 'slow') return outgoing.end(words[incoming.url].join(''));
		outgoing.on('close', () => {
			left += 1;
		});
		const more = () => {
			while (!outgoing.destroyed && outgoing.write(line('word '.repeat(4_000), false)));
			outgoing.once('drain', more);
		};
		more();
	});
	const sidecar = await impatient({ pc: url });
	const { hostname, port } = new URL(sidecar.proxy);
	const body = JSON.stringify({ model: 'm', messages });
	const client = net.connect(Number(port), hostname);
	client.pause();
	client.on('error', () => {});
	const head = ['POST /api/chat HTTP/1.1', `host: ${hostname}:${port}`, 'user-agent: slow'];
	client.write([...head, `content-length: ${body.length}`, '', body].join('\r\n'));
	await until('the host to be left', () => left === 1);
	const count = async (labels) => (await sidecar.scrape()).sum('dispatcher_attempts_total', labels);
	await until('the count', async () => (await count({ outcome: 'cancelled' })) === 1);
	assert.equal((await sidecar.scrape()).sum('dispatcher_jobs_total', { outcome: 'client_slow' }), 1);
	assert.equal((await sidecar.scrape()).sum('dispatcher_breaker_open'), 0);
	const next = await post(sidecar, '/api/chat', { messages, stream: false });
	assert.equal(next.status, 200);
	client.destroy();
	await sidecar.stop();
});

test('a load whose client leaves is not cut short for the client that waits behind it', async () => {
	const model = { name: 'cold:latest', prefill_tok_per_s: 5_000, decode_tok_per_s: 500, load_s: 3, output_tokens: 5 };
	const host = await startHost(build(), { models: [model] });
	const sidecar = await startSidecar(build(), { pc: host.url });
	await until('the host', async () => (await sidecar.scrape()).sum('ollama_up') === 1);
	const leaving = new AbortController();
	const ask = (signal) =>
		fetch(`${sidecar.proxy}/api/chat`, {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body: JSON.stringify({ model: 'cold', messages, stream: false }),
			signal,
		});
	const first = ask(leaving.signal).catch((error) => error.name);
	const asked = async () => (await sidecar.scrape()).sum('ollama_requests_in_flight') >= 1;
	await until('the load to begin', asked);
	const second = ask();
	leaving.abort();
	assert.equal(await first, 'AbortError');
	assert.equal((await second).status, 200);
	const { loads, load_aborts } = await host.stats();
	assert.deepEqual([loads, load_aborts], [1, 0], 'one load served');
	const seen = await sidecar.scrape();
	assert.equal(seen.sum('dispatcher_breaker_open'), 0);
	assert.equal(seen.sum('ollama_requests_total', { status: 'error' }), 0);
	await sidecar.stop();
	await host.stop();
});
