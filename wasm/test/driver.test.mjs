import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, test } from 'node:test';
import * as file from 'ai-model-dispatcher-wasm';
import * as inline from 'ai-model-dispatcher-wasm/inline';
import { line, lines, ollama } from './ollama.mjs';

const require = createRequire(import.meta.url);
const open = [];
after(() => Promise.all(open.map((it) => it.close())));

function signal() {
	let ring;
	const rung = new Promise((resolve) => (ring = resolve));
	return { ring, rung };
}

async function fleet(hosts, config = {}, create = file.createDispatcher) {
	const servers = await Promise.all(hosts.map((host) => ollama(host)));
	const ai = create({ hosts: servers.map(({ url }, at) => ({ id: `h${at}`, url })), ...config });
	open.push(...servers, ai);
	return { ai, servers };
}

test('an ask is answered, with its decision and counters', async () => {
	const { ai, servers } = await fleet([{}]);
	const answer = await ai.ask({ id: 'a', prompt: 'Say hello.' });
	assert.deepEqual(
		[answer.ok, answer.id, answer.text, answer.host, answer.model],
		[true, 'a', 'Hello there', 'h0', 'phi3:mini'],
	);
	assert.equal(answer.usage.output_tokens, 2);
	assert.equal(answer.decision.chosen.model, 'phi3:mini');
	const { body } = servers[0].requests.find(({ path }) => path === '/api/chat');
	assert.deepEqual([body.model, body.stream], ['phi3:mini', true]);
});

test('text comes piece by piece', async () => {
	const { ai } = await fleet([{}]);
	const pieces = [];
	await ai.ask({ prompt: 'Say hello.' }, { onText: (text) => pieces.push(text) });
	assert.deepEqual(pieces, ['Hello', ' there']);
});

test('a host that fails before its first piece is replaced, and its text is not mixed in', async () => {
	const busy = { chat: (_, response) => response.writeHead(503).end('{"error":"server busy"}') };
	const { ai } = await fleet([busy, busy, {}]);
	const answer = await ai.ask({ prompt: 'Say hello.' });
	assert.deepEqual([answer.ok, answer.text, answer.host], [true, 'Hello there', 'h2']);
});

test('text that was handed out is not repeated from another host', async () => {
	const cut = {
		chat: (_, response) => response.write(line({ message: { content: 'Hel' }, done: false }), () => response.destroy()),
	};
	const { ai } = await fleet([cut, cut]);
	const pieces = [];
	const answer = await ai.ask({ prompt: 'Say hello.' }, { onText: (text) => pieces.push(text) });
	assert.deepEqual([answer.ok, answer.error.code, answer.text, pieces.join('')], [false, 'cut_off', 'Hel', 'Hel']);
});

test('a loop takes the pieces, and the whole answer is there after it', async () => {
	const { ai } = await fleet([{}]);
	const stream = ai.stream({ prompt: 'Say hello.' });
	const pieces = [];
	for await (const text of stream) pieces.push(text);
	assert.deepEqual(pieces, ['Hello', ' there']);
	assert.deepEqual([(await stream.answer).ok, (await stream.answer).text], [true, 'Hello there']);
});

test('leaving the loop cancels the ask and closes its connection', async () => {
	const closed = signal();
	const endless = {
		chat: (_, response) => {
			response.on('close', closed.ring);
			response.write(line({ message: { content: 'Once' }, done: false }));
		},
	};
	const { ai } = await fleet([endless]);
	const stream = ai.stream({ prompt: 'Tell a story.' });
	for await (const text of stream) {
		assert.equal(text, 'Once');
		break;
	}
	await closed.rung;
	assert.equal((await stream.answer).error.code, 'cancelled');
});

test('a loop over a wrong dispatcher throws, over a failed job ends', async () => {
	const { ai } = await fleet([{ status: { '/api/chat': 500 } }]);
	const stream = ai.stream({ prompt: 'Say hello.' });
	for await (const text of stream) assert.fail(text);
	assert.equal((await stream.answer).ok, false);
	ai.close();
	await assert.rejects(
		async () => {
			for await (const text of ai.stream({ prompt: 'Say hello.' })) assert.fail(text);
		},
		{ code: 'closed' },
	);
});

test('cancelling closes the connection of an answer under way', async () => {
	const closed = signal();
	const chat = (_, response) => {
		response.on('close', closed.ring);
		response.write(line({ message: { content: 'Hel' }, done: false }));
	};
	const { ai } = await fleet([{ chat }]);
	const abort = new AbortController();
	const answer = await ai.ask({ prompt: 'Say hello.' }, { signal: abort.signal, onText: () => abort.abort() });
	assert.equal(answer.error.code, 'cancelled');
	await closed.rung;
});

test('cancelling while the model loads answers at once, and closes the connection once it is loaded', async () => {
	const [begun, closed] = [signal(), signal()];
	let loaded;
	const chat = (_, response) => {
		response.on('close', closed.ring);
		loaded = () => response.write(line({ message: { content: 'Hel' }, done: false }));
		begun.ring();
	};
	const { ai } = await fleet([{ chat }]);
	const abort = new AbortController();
	const pieces = [];
	const answer = ai.ask({ prompt: 'Say hello.' }, { signal: abort.signal, onText: (text) => pieces.push(text) });
	await begun.rung;
	abort.abort();
	assert.equal((await answer).error.code, 'cancelled');
	loaded();
	await closed.rung;
	assert.deepEqual(pieces, []);
});

const SCHEMA = { type: 'object', properties: { age: { type: 'integer', maximum: 130 } }, required: ['age'] };

/** A host whose answers are these texts, one after the other, the last one again and again. */
function says(...texts) {
	let at = 0;
	return { chat: (_, response) => lines(response, [texts[Math.min(at++, texts.length - 1)]]) };
}

test('an answer that does not fit its schema is put right by the same model', async () => {
	const { ai, servers } = await fleet([says('{"age": 4242}', '{"age": 42}')]);
	const answer = await ai.ask({ prompt: 'How old?', schema: SCHEMA });
	assert.deepEqual(
		[answer.ok, answer.text, answer.attempts.length, answer.usage.output_tokens],
		[true, '{"age": 42}', 1, 2],
	);
	const [first, second] = servers[0].requests
		.filter(({ path }) => path === '/api/chat')
		.map(({ body }) => body.messages);
	assert.deepEqual(second.slice(0, 2), [...first, { role: 'assistant', content: '{"age": 4242}' }]);
	assert.match(second[2].content, /\/age: .*maximum/);
});

test('a model that cannot fit the schema is told so once, and the job ends with the reason', async () => {
	const { ai, servers } = await fleet([says('{"age": "secret"}')]);
	const answer = await ai.ask({ prompt: 'How old?', schema: SCHEMA });
	assert.deepEqual([answer.ok, answer.attempts[0].outcome], [false, 'invalid_answer']);
	assert.match(answer.attempts[0].detail, /\/age: /);
	assert.doesNotMatch(JSON.stringify(answer.error) + answer.attempts[0].detail, /secret/);
	assert.equal(servers[0].requests.filter(({ path }) => path === '/api/chat').length, 2);
});

test('tools to call and thoughts come with the answer', async () => {
	const call = { function: { name: 'weather', arguments: { city: 'Ulm' } } };
	const thinks = {
		chat: (_, response) => {
			response.write(line({ message: { role: 'assistant', content: '', thinking: 'Where' }, done: false }));
			response.write(
				line({ message: { role: 'assistant', content: '', thinking: ' is it?', tool_calls: [call] }, done: false }),
			);
			response.end(
				line({ message: { role: 'assistant', content: '' }, done: true, done_reason: 'stop', eval_count: 3 }),
			);
		},
	};
	const { ai } = await fleet([thinks]);
	const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }];
	const capable = await ai.ask({ prompt: 'Rain in Ulm?', tools, think: true });
	assert.equal(capable.ok, false, 'a model without tools must not be asked');
	const answer = await ai.ask({ prompt: 'Rain in Ulm?' });
	assert.deepEqual([answer.ok, answer.text, answer.thinking, answer.tool_calls], [true, '', 'Where is it?', [call]]);
});

test('an embedding comes back as vectors', async () => {
	const { ai } = await fleet([{ models: ['all-minilm'] }]);
	const answer = await ai.ask({ prompt: 'a text', task: 'embed', model: 'all-minilm' });
	assert.deepEqual([answer.ok, answer.embeddings], [answer.ok, answer.ok ? [[1, 0.5]] : undefined]);
});

test('nothing listening is an answer, not a throw', async () => {
	const gone = await ollama();
	await gone.close();
	const ai = file.createDispatcher({ hosts: [{ url: gone.url }] });
	open.push(ai);
	const answer = await ai.ask({ prompt: 'Say hello.' });
	assert.deepEqual([answer.ok, answer.error.code], [false, 'no_host']);
});

test('a wrong ask is refused with a hint', async () => {
	const { ai } = await fleet([{}]);
	const { error } = await ai.ask({ prompt: '' });
	assert.equal(error.code, 'invalid_request');
	assert.ok(error.hint);
	const unknown = await ai.ask({ prompt: 'x', propmt: 1 });
	assert.match(unknown.error.message, /propmt/);
});

test('a wrong configuration names its key', () => {
	const create = (config) => () => file.createDispatcher(config);
	assert.throws(create({ hosts: [{ url: 'http://a', paralel: 2 }] }), { code: 'config_invalid', message: /paralel/ });
	assert.throws(create({ hosts: [{ url: 'a:1' }] }), { code: 'config_invalid', field: 'hosts[0].url' });
	assert.throws(create({ hosts: [] }), { code: 'config_invalid', field: 'hosts' });
	const withCa = { hosts: [{ url: 'http://a' }], prometheus: { url: 'http://p', ca_file: 'x.pem' } };
	assert.throws(create(withCa), { code: 'config_invalid', field: 'prometheus.ca_file' });
});

test('misuse throws', async () => {
	const { ai } = await fleet([{}]);
	await assert.rejects(ai.ask('hello'), { code: 'invalid_argument' });
	ai.close();
	await assert.rejects(ai.ask({ prompt: 'x' }), { code: 'closed' });
});

test('a key goes to its host and stays out of the snapshot', async () => {
	const server = await ollama();
	const ai = file.createDispatcher({ hosts: [{ url: server.url, api_key: 'secret' }] });
	open.push(server, ai);
	await ai.ask({ prompt: 'Say hello.' });
	assert.ok(server.requests.every(({ headers }) => headers.authorization === 'Bearer secret'));
	assert.ok(!JSON.stringify(await ai.snapshot()).includes('secret'));
});

test('models and a dry run tell what is there', async () => {
	const { ai, servers } = await fleet([{}]);
	assert.deepEqual(
		(await ai.models()).flatMap(({ models }) => models.map(({ model }) => model)),
		['phi3:mini'],
	);
	assert.equal((await ai.decide({ prompt: 'Say hello.' })).chosen.host, 'h0');
	assert.ok(!servers[0].requests.some(({ path }) => path === '/api/chat'));
});

test('the inlined build does the same, from ESM and from CommonJS, with the hands it is given', async () => {
	for (const build of [inline, require('ai-model-dispatcher-wasm/inline')]) {
		const hands = { transport: file.nodeTransport, sleep: file.sleep, now: Date.now };
		const { ai } = await fleet([{ chat: (_, response) => lines(response, ['Hi']) }], {}, (config) =>
			build.createDispatcher(config, hands),
		);
		assert.equal((await ai.ask({ prompt: 'Say hi.' })).text, 'Hi');
	}
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
