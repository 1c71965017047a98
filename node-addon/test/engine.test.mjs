import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createDispatcher } from 'ai-model-dispatcher';
import { line, ollama } from '../../wasm/test/ollama.mjs';

const open = [];
after(() => Promise.all(open.map((it) => it.close())));
const command = fileURLToPath(new URL('../dist/cli.mjs', import.meta.url));

async function fleet(hosts) {
	const servers = await Promise.all(hosts.map((host) => ollama(host)));
	const ai = createDispatcher({ hosts: servers.map(({ url }, at) => ({ id: `h${at}`, url })) });
	open.push(...servers, ai);
	return { ai, servers };
}

test('an ask is answered by the native engine, with its decision and counters', async () => {
	const { ai } = await fleet([{}]);
	const answer = await ai.ask({ id: 7, prompt: 'Say hello.' });
	assert.deepEqual([ai.engine, answer.ok, answer.id, answer.text], ['native', true, 7, 'Hello there']);
	assert.deepEqual([answer.decision.chosen.host, answer.usage.output_tokens], ['h0', 2]);
});

test('text comes piece by piece, in order and before the answer', async () => {
	const { ai } = await fleet([{}]);
	const pieces = [];
	const answer = await ai.ask({ prompt: 'Say hello.' }, { onText: (text) => pieces.push(text) });
	assert.deepEqual([pieces.join(''), pieces.length], [answer.text, 2]);
});

test('a loop takes the pieces; leaving it cancels the ask', async () => {
	let closed;
	const closing = new Promise((done) => (closed = done));
	const { ai } = await fleet([{}]);
	const pieces = [];
	for await (const text of ai.stream({ prompt: 'Say hello.' })) pieces.push(text);
	assert.deepEqual(pieces, ['Hello', ' there']);
	const chat = (_, response) => {
		response.on('close', closed);
		response.write(line({ message: { content: 'Once' }, done: false }));
	};
	const { ai: other } = await fleet([{ chat }]);
	const stream = other.stream({ prompt: 'Tell a story.' });
	for await (const text of stream) {
		assert.equal(text, 'Once');
		break;
	}
	await closing;
	assert.equal((await stream.answer).error.code, 'cancelled');
});

test('a host that fails is replaced', async () => {
	const busy = { chat: (_, response) => response.writeHead(503).end('{"error":"server busy"}') };
	const { ai } = await fleet([busy, busy, {}]);
	const answer = await ai.ask({ prompt: 'Say hello.' });
	assert.deepEqual([answer.ok, answer.host], [true, 'h2']);
});

test('cancelling closes the connection of an answer under way', async () => {
	let closed;
	const closing = new Promise((done) => (closed = done));
	const chat = (_, response) => {
		response.on('close', closed);
		response.write(line({ message: { content: 'Hel' }, done: false }));
	};
	const { ai } = await fleet([{ chat }]);
	const abort = new AbortController();
	const answer = await ai.ask({ prompt: 'Say hello.' }, { signal: abort.signal, onText: () => abort.abort() });
	assert.equal(answer.error.code, 'cancelled');
	await closing;
});

test('a wrong ask is refused with a hint; nothing listening is an answer', async () => {
	const { ai } = await fleet([{}]);
	const { error } = await ai.ask({ prompt: '' });
	assert.equal(error.code, 'invalid_request');
	assert.ok(error.hint);
	await assert.rejects(ai.decide({ prompt: '' }), { code: 'invalid_request' });
	const gone = await ollama();
	await gone.close();
	const nobody = createDispatcher({ hosts: [{ url: gone.url }] });
	open.push(nobody);
	assert.equal((await nobody.ask({ prompt: 'Say hello.' })).error.code, 'no_host');
});

test('misuse throws: configuration, argument, closed', async () => {
	assert.throws(() => createDispatcher({ hosts: [{ url: 'a:1' }] }), { code: 'config_invalid', field: 'hosts[0].url' });
	assert.throws(() => createDispatcher({ hosts: [{ url: 'http://a', paralel: 2 }] }), {
		code: 'config_invalid',
		message: /paralel/,
	});
	const { ai } = await fleet([{}]);
	await assert.rejects(ai.ask('hello'), { code: 'invalid_argument' });
	ai.close();
	await assert.rejects(ai.ask({ prompt: 'x' }), { code: 'closed' });
});

test('models and a dry run tell what is there', async () => {
	const { ai } = await fleet([{}]);
	assert.deepEqual(
		(await ai.models()).flatMap(({ models }) => models.map(({ model }) => model)),
		['phi3:mini'],
	);
	assert.equal((await ai.decide({ prompt: 'Say hello.' })).chosen.host, 'h0');
});

test('the command answers, and says by its exit code how it went', async () => {
	const server = await ollama();
	open.push(server);
	const run = promisify(execFile);
	const { stdout } = await run(process.execPath, [command, 'ask', '--host', server.url, 'Say hello.']);
	assert.equal(stdout.trim(), 'Hello there');
	await assert.rejects(run(process.execPath, [command, 'nonsense']), { code: 2 });
});

test('draining lets the answer under way end and takes no more asks', async () => {
	const gate = {};
	gate.open = new Promise((open) => (gate.lift = open));
	const begun = new Promise((begin) => (gate.begin = begin));
	const chat = async (_, response) => {
		gate.begin();
		await gate.open;
		response.write(line({ message: { content: 'Hello' }, done: false }));
		response.end(line({ done: true, eval_count: 1 }));
	};
	const { ai } = await fleet([{ chat }]);
	const answering = ai.ask({ prompt: 'Say hello.' });
	await begun;
	const drained = ai.drain();
	await assert.rejects(ai.ask({ prompt: 'too late' }), { code: 'closed' });
	gate.lift();
	assert.equal((await answering).text, 'Hello');
	await drained;
});

test('with a history decisions and what was learned outlive the program, and texts only where asked', async () => {
	const folder = await mkdtemp(path.join(tmpdir(), 'smart-ai-'));
	const server = await ollama();
	open.push(server);
	const hosts = [{ id: 'h', url: server.url }];
	const learned = async (ai) => (await ai.models())[0].models[0].reliability.successes;
	for (const [file, prompts] of [
		['without.db', false],
		['with.db', true],
	]) {
		const url = path.join(folder, file);
		const first = createDispatcher({ hosts, history: prompts ? { url, prompts } : url });
		assert.equal((await first.ask({ prompt: 'A very private question.' })).ok, true);
		assert.equal(await learned(first), 1);
		await first.drain();
		const second = createDispatcher({ hosts, history: url });
		assert.equal(await learned(second), 1, 'what was learned is gone');
		second.close();
		const run = promisify(execFile);
		const { stdout } = await run(process.execPath, [command, 'history', '--history', url, '--json']);
		const [row] = stdout
			.trim()
			.split('\n')
			.map((text) => JSON.parse(text));
		assert.deepEqual([row.ok, row.host, row.decision.chosen.host], [true, 'h', 'h']);
		const kept = Buffer.concat(
			await Promise.all(
				(await readdir(folder))
					.filter((name) => name.startsWith(file))
					.map((name) => readFile(path.join(folder, name))),
			),
		);
		assert.equal(kept.includes('very private'), prompts);
	}
	await rm(folder, { recursive: true });
});

test('an answer says what the history calls its job, so that it can be rated', async () => {
	const folder = await mkdtemp(path.join(tmpdir(), 'smart-ai-'));
	const history = path.join(folder, 'history.db');
	const server = await ollama();
	open.push(server);
	const hosts = [{ id: 'h', url: server.url }];
	const ai = createDispatcher({ hosts, history });
	const asked = await ai.ask({ prompt: 'Say hello.' });
	const streamed = ai.stream({ prompt: 'Say hello.' });
	for await (const _ of streamed);
	const jobs = [asked, await streamed.answer].map(({ job }) => job);
	assert.notEqual(jobs[0], jobs[1]);
	assert.equal((await ai.ask({ prompt: '' })).job, undefined, 'a name for what the history lacks');
	await ai.drain();
	const run = promisify(execFile);
	for (const [at, job] of jobs.entries()) {
		const { stdout: rated } = await run(process.execPath, [command, 'rate', job, 'up', '--history', history, '--json']);
		assert.deepEqual([JSON.parse(rated).job, JSON.parse(rated).model], [job, 'phi3:mini']);
		const { stdout } = await run(process.execPath, [command, 'history', '--history', history, '--job', job, '--json']);
		assert.equal(JSON.parse(stdout).ms.total, [asked, await streamed.answer][at].ms.total);
	}
	const without = createDispatcher({ hosts });
	open.push(without);
	assert.equal((await without.ask({ prompt: 'Say hello.' })).job, undefined);
	await rm(folder, { recursive: true });
});

test('a history that is none is refused by its key', () => {
	const hosts = [{ url: 'http://127.0.0.1:1' }];
	assert.throws(() => createDispatcher({ hosts, history: { url: 'off', keep_days: 0 } }), {
		code: 'config_invalid',
		field: 'history.keep_days',
	});
	assert.throws(() => createDispatcher({ hosts, history: 'mysql://a' }), {
		code: 'config_invalid',
		field: 'history.url',
	});
	createDispatcher({ hosts, history: 'off' }).close();
});
