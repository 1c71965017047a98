// What a caller hands over is read once, and what cannot be read is refused by itself, on the build that BUILD names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { built } from '../world/build.mjs';
import { closing, fleet, signal } from '../world/fleet.mjs';
import { line, lines, ollama } from '../world/ollama.mjs';

const MIB = 1024 * 1024;

/** Puts something else into every place of an object. */
function spoil(object) {
	for (const key of Object.keys(object)) object[key] = 7n;
	object.self = object;
}

const bodies = (server, path) => server.requests.filter((request) => request.path === path).map(({ body }) => body);

test('an ask that its caller changes while it runs is answered as it was, and no other job notices', async () => {
	const [begun, gate] = [signal(), signal()];
	const busy = { chat: (_, response) => response.writeHead(503).end('{"error":"server busy"}') };
	const slow = {
		chat: async (_, response) => {
			begun.ring();
			await gate.rung;
			lines(response, ['Hello', ' there']);
		},
	};
	const { ai, servers } = await fleet([busy, slow]);
	const messages = [{ role: 'user', content: 'First.' }];
	const ask = { id: 'mine', messages, options: { seed: 1 } };
	const [first, second] = [ai.ask(ask), ai.ask({ prompt: 'Second.' })];
	spoil(messages[0]);
	spoil(ask);
	await begun.rung;
	spoil(ask);
	gate.ring();
	const answers = await Promise.all([first, second]);
	assert.deepEqual(
		answers.map(({ ok, id, text }) => [ok, id, text]),
		[
			[true, 'mine', 'Hello there'],
			[true, null, 'Hello there'],
		],
	);
	const sent = bodies(servers[1], '/api/chat').map((body) => body.messages[0].content);
	assert.deepEqual(sent.sort(), ['First.', 'Second.']);
});

test('texts to embed that their caller changes are embedded as they were, every part of them', async () => {
	const texts = Array.from({ length: 100 }, (_, at) => ({ role: 'user', content: `text ${at}` }));
	const { ai, servers } = await fleet([{ models: ['all-minilm'], abilities: { 'all-minilm': ['embedding'] } }]);
	const asked = ai.ask({ messages: texts, task: 'embed', model: 'all-minilm' });
	texts.forEach(spoil);
	texts.length = 0;
	assert.equal((await asked).embeddings?.length, 100);
	const sent = new Set(bodies(servers[0], '/api/embed').flatMap(({ input }) => input));
	assert.deepEqual(sent, new Set(Array.from({ length: 100 }, (_, at) => `text ${at}`)));
});

test('a configuration that its owner changes afterwards stays what it was', async () => {
	const server = closing(await ollama());
	const host = { url: server.url };
	const config = { hosts: [host] };
	const ai = closing(built.createDispatcher(config));
	spoil(host);
	spoil(config);
	assert.equal((await ai.ask({ prompt: 'Say hello.' })).ok, true);
});

test('what cannot be read is refused, for that ask only', async () => {
	const cyclic = { prompt: 'x' };
	cyclic.options = { cyclic };
	const throwing = {
		get: () => {
			throw new Error('as the test says');
		},
	};
	const unreadable = {
		cyclic,
		bigint: { prompt: 'x', max_tokens: 7n },
		getter: Object.defineProperty({ prompt: 'x' }, 'model', { enumerable: true, ...throwing }),
		proxy: new Proxy({ prompt: 'x' }, throwing),
		toJSON: {
			prompt: 'x',
			toJSON() {
				throw null;
			},
		},
		nothing: { prompt: 'x', toJSON: () => undefined },
		error: {
			toJSON() {
				throw new Proxy({}, throwing);
			},
		},
		deep: { prompt: 'x', schema: Array.from({ length: 500 }).reduce((inner) => ({ inner }), {}) },
		endless: { prompt: 'x', schema: Array.from({ length: 100_000 }).reduce((inner) => ({ inner }), {}) },
		huge: { prompt: 'x'.repeat(65 * MIB) },
	};
	const { ai } = await fleet([{}]);
	for (const [name, ask] of Object.entries(unreadable)) {
		const beside = ai.ask({ prompt: 'Say hello.' });
		const answer = await ai.ask(ask);
		assert.deepEqual([answer.ok, answer.error?.code], [false, 'invalid_request'], name);
		assert.ok(answer.error.message.length < 200 && answer.error.hint.length > 0, JSON.stringify(answer.error));
		assert.equal((await beside).ok, true, name);
		await assert.rejects(ai.decide(ask), { code: 'invalid_request' }, name);
	}
	assert.equal(ai.closed, false);
});

test('a configuration and a judgement that cannot be read are refused', async () => {
	const { ai } = await fleet([{}]);
	const config = { hosts: [{ url: 'http://127.0.0.1:1', parallel: 2n }] };
	assert.throws(() => built.createDispatcher(config), { code: 'config_invalid', message: /BigInt/ });
	await assert.rejects(ai.feedback({ model: 'phi3:mini', score: 1n }), { code: 'invalid_request', message: /BigInt/ });
	assert.equal((await ai.ask({ prompt: 'Say hello.' })).ok, true);
});

test('half an emoji, and keys that are symbols, are no hindrance', async () => {
	const { ai, servers } = await fleet([{}]);
	const answer = await ai.ask({ id: 'a', prompt: 'Say \ud83d hello.', [Symbol('key')]: 1 });
	assert.deepEqual([answer.ok, answer.id], [true, 'a']);
	const [body] = bodies(servers[0], '/api/chat');
	assert.equal(body.messages.at(-1).content, 'Say \ufffd hello.');
});

test('options that make no sense are refused; null is none', async () => {
	const { ai } = await fleet([{}]);
	assert.equal((await ai.ask({ prompt: 'Say hello.' }, null)).ok, true);
	const refused = { code: 'invalid_argument' };
	await assert.rejects(ai.ask({ prompt: 'x' }, { signal: {} }), refused);
	await assert.rejects(ai.ask({ prompt: 'x' }, { onText: 'x' }), refused);
	const getter = Object.defineProperty({}, 'signal', {
		get() {
			throw new Error('as the test says');
		},
	});
	await assert.rejects(ai.ask({ prompt: 'x' }, getter), refused);
});

test('a caller whose listener throws hears of it, its call ends, and every other job goes on', async () => {
	const closed = signal();
	const endless = {
		chat: (_, response) => {
			response.on('close', closed.ring);
			response.write(line({ message: { content: 'Once' }, done: false }));
		},
	};
	const { ai } = await fleet([endless]);
	const onText = () => {
		throw new Error('as the test says');
	};
	await assert.rejects(ai.ask({ prompt: 'Tell a story.' }, { onText }), /as the test says/);
	await closed.rung;
	const stream = ai.stream({ prompt: 'Tell a story.' }, { onText });
	await assert.rejects(stream.answer, /as the test says/);
	assert.equal(ai.closed, false);
});

test('a dispatcher says when it takes no more asks', async () => {
	const { ai } = await fleet([{}]);
	assert.equal(ai.closed, false);
	await ai.drain();
	assert.equal(ai.closed, true);
});
