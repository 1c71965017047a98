// The faults that can be made on real Ollama servers: host `a` has them, host `b` answers in its place.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { MissingPart, needOrSkip, scratchFolder, skip, stopAll, until } from '../bed/index.mjs';
import { onPath } from '../bed/process.mjs';
import { drivers } from './drivers.mjs';
import { attemptsOf } from './trial.mjs';

const PROMPT = 'Tell a long story about a dog.';
let bed;
let folder;
let tags;
let a;
let b;

before(async (t) => {
	bed = await needOrSkip(t, 'ollama', 'models');
	if (!bed) return;
	({ folder, tags } = await bed.models.install());
	[a, b] = await Promise.all([start(ownModels()), start(folder)]);
});
after(() => stopAll());

const start = (models, rest = {}) =>
	bed.ollama.start({ models, maxLoaded: 1, numParallel: 1, keepAlive: '10m', ...rest });

/** A model folder that may be deleted from: hard links to the files that all share. */
function ownModels() {
	const own = scratchFolder('models');
	execFileSync('cp', ['-al', `${folder}/.`, own]);
	return own;
}

async function post(server, route, body, method = 'POST') {
	const response = await fetch(server.url + route, { method, body: JSON.stringify(body) });
	return { status: response.status, text: await response.text() };
}

const warm = (server, model = tags.smollm2) => post(server, '/api/generate', { model });

/** A dispatcher that has looked at both hosts, the model in the memory of each. */
async function ready(create, model = tags.smollm2) {
	const ai = create({
		models: [model],
		first_token_timeout_ms: 3_000,
		hosts: [a, b].map(({ url }, at) => ({ id: 'ab'[at], instance: 'ab'[at], url, max_loaded: 1 })),
	});
	await ai.snapshot();
	return ai;
}

const ask = (ai, more = {}, options = {}) => ai.ask({ prompt: PROMPT, max_tokens: 8, ...more }, options);

/** The processes that Ollama runs models in. */
function runners(server) {
	const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8')
		.split(' ')
		.filter(Boolean)
		.map(Number);
	const threads = readdirSync(`/proc/${server.pid}/task`).flatMap((thread) => {
		try {
			return readFileSync(`/proc/${server.pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
		} catch {
			return [];
		}
	});
	return [...new Set([...children, ...threads])];
}

/** CPU time of these processes, in the system's ticks. */
const ticks = (pids) =>
	pids
		.map((pid) => Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')[11]))
		.reduce((sum, own) => sum + own, 0);

const linux = process.platform === 'linux' ? false : 'needs /proc';

for (const [name, create] of Object.entries(drivers)) {
	suite(name, { skip: linux }, () => {
		test('kill -9 of the runner in mid-stream: another host answers', async (t) => {
			if (!bed) return t.skip('needs a real Ollama');
			await Promise.all([warm(a), warm(b)]);
			const ai = await ready(create);
			const idle = ticks(runners(a));
			const answering = ask(ai, { max_tokens: 48 });
			await until('the runner is at work', () => ticks(runners(a)) > idle + 5);
			for (const pid of runners(a)) process.kill(pid, 'SIGKILL');
			const answer = await answering;
			assert.ok(answer.ok, JSON.stringify(answer.error));
			assert.deepEqual(
				answer.attempts.map(({ host }) => host),
				['a', 'b'],
			);
			assert.match(answer.attempts[0].outcome, /^(server_error|cut_off)$/);
			t.diagnostic(`${answer.attempts[0].outcome}: ${answer.attempts[0].detail}`);
			ai.close();
		});

		test('kill -9 of the runner once text was handed out: the job says so and keeps the text', async (t) => {
			if (!bed) return t.skip('needs a real Ollama');
			await Promise.all([warm(a), warm(b)]);
			const ai = await ready(create);
			const texts = [];
			const onText = (text) => {
				if (texts.push(text) === 1) for (const pid of runners(a)) process.kill(pid, 'SIGKILL');
			};
			const answer = await ask(ai, { host: 'a', max_tokens: 64 }, { onText });
			assert.deepEqual([answer.ok, answer.error?.code, answer.attempts.length], [false, 'cut_off', 1]);
			assert.equal(answer.text, texts.join(''));
			ai.close();
		});

		test('SIGSTOP of the server: silence is not waited out', async (t) => {
			if (!bed) return t.skip('needs a real Ollama');
			await Promise.all([warm(a), warm(b)]);
			const ai = await ready(create);
			process.kill(a.pid, 'SIGSTOP');
			try {
				const answer = await ask(ai);
				assert.ok(answer.ok, JSON.stringify(answer.error));
				assert.match(attemptsOf(answer).join(), /^a (first_token_timeout|overtaken),b ok$/);
			} finally {
				process.kill(a.pid, 'SIGCONT');
			}
			ai.close();
		});

		test('the server is restarted: jobs go elsewhere meanwhile, and come back', async (t) => {
			if (!bed) return t.skip('needs a real Ollama');
			await Promise.all([warm(a), warm(b)]);
			const ai = await ready(create);
			await a.stop();
			const meanwhile = await ask(ai);
			assert.deepEqual(attemptsOf(meanwhile), ['a unreachable', 'b ok']);
			a = await start(ownModels(), { port: a.port });
			await until('the host is asked again', async () => (await ask(ai, { host: 'a', max_tokens: 4 })).ok);
			ai.close();
		});

		test('a model is deleted: the other host has it', async (t) => {
			if (!bed) return t.skip('needs a real Ollama');
			await Promise.all([warm(a), warm(b)]);
			const ai = await ready(create);
			assert.equal((await post(a, '/api/delete', { model: tags.smollm2 }, 'DELETE')).status, 200);
			const answer = await ask(ai);
			assert.deepEqual(attemptsOf(answer), ['a model_missing', 'b ok']);
			ai.close();
			await a.stop();
			a = await start(ownModels(), { port: a.port });
		});

		test('memory runs out at load: the other host loads it', async (t) => {
			if (!bed) return t.skip('needs a real Ollama');
			if (!onPath('prlimit')) return skip(t, new MissingPart('prlimit', 'install util-linux'));
			const ai = await ready(create, tags.random1b);
			// The runner inherits the server's limit, and the model needs twice as much.
			execFileSync('prlimit', ['--pid', String(a.pid), '--data=400000000']);
			const answer = await ask(ai, { max_tokens: 4 });
			assert.ok(answer.ok, JSON.stringify(answer.error));
			assert.deepEqual(
				answer.attempts.map(({ host }) => host),
				['a', 'b'],
			);
			assert.match(answer.attempts[0].outcome, /^(out_of_memory|server_error)$/);
			t.diagnostic(`${answer.attempts[0].outcome}: ${answer.attempts[0].detail}`);
			ai.close();
			await a.stop();
			a = await start(ownModels(), { port: a.port });
		});
	});
}

test('the disk is full: answers need none', { skip: linux }, async (t) => {
	if (!bed) return t.skip('needs a real Ollama');
	const small = scratchFolder('small-disk');
	try {
		execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', small], { stdio: 'ignore' });
	} catch {
		return skip(t, new MissingPart('a small file system', 'mounting one takes root'));
	}
	let server;
	try {
		copyModel(tags.smollm2, small);
		mkdirSync(path.join(small, 'tmp'));
		server = await start(small, { env: { HOME: small, TMPDIR: path.join(small, 'tmp') } });
		fill(small);
		const refused = await post(server, '/api/create', {
			model: 'another',
			from: tags.smollm2,
			system: 'x',
			stream: false,
		});
		assert.ok(refused.status >= 400, refused.text);
		for (const [name, create] of Object.entries(drivers)) {
			const ai = create({ models: [], hosts: [{ id: 'full', url: server.url }] });
			const answer = await ask(ai, { max_tokens: 4 });
			assert.deepEqual(attemptsOf(answer), ['full ok'], name);
			ai.close();
		}
	} finally {
		await server?.stop();
		execFileSync('umount', [small]);
	}
});

function copyModel(tag, into) {
	const [model, version] = tag.split(':');
	const manifest = path.join('manifests/registry.ollama.ai/library', model, version);
	const { config, layers } = JSON.parse(readFileSync(path.join(folder, manifest), 'utf8'));
	const blobs = [config, ...layers].map(({ digest }) => path.join('blobs', digest.replace(':', '-')));
	for (const file of [manifest, ...blobs]) cpSync(path.join(folder, file), path.join(into, file), { recursive: true });
}

/** Writes until nothing more goes. */
function fill(small) {
	const { bavail, bsize } = statfsSync(small);
	writeFileSync(path.join(small, 'ballast'), Buffer.alloc(bavail * bsize));
	assert.equal(statfsSync(small).bavail, 0);
	assert.throws(() => writeFileSync(path.join(small, 'more'), 'x'), { code: 'ENOSPC' });
	rmSync(path.join(small, 'more'), { force: true });
}
