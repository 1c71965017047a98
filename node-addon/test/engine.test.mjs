// What only the native build has: the command line and a history.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createDispatcher } from 'ai-model-dispatcher';
import { closing } from '../../tests/world/fleet.mjs';
import { ollama } from '../../tests/world/ollama.mjs';

const command = fileURLToPath(new URL('../dist/cli.mjs', import.meta.url));

test('the command answers, and says by its exit code how it went', async () => {
	const server = await ollama();
	closing(server);
	const run = promisify(execFile);
	const { stdout } = await run(process.execPath, [command, 'ask', '--host', server.url, 'Say hello.']);
	assert.equal(stdout.trim(), 'Hello there');
	await assert.rejects(run(process.execPath, [command, 'nonsense']), { code: 2 });
});

test('with a history decisions and what was learned outlive the program, and texts only where asked', async () => {
	const folder = await mkdtemp(path.join(tmpdir(), 'smart-ai-'));
	const server = await ollama();
	closing(server);
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
	closing(server);
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
	closing(without);
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
