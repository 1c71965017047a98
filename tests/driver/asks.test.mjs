// What an ask comes to, on the build that BUILD names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { built } from '../world/build.mjs';
import { closing, fleet } from '../world/fleet.mjs';
import { line, lines, ollama } from '../world/ollama.mjs';

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

test('a host that fails before its first piece is replaced, and its text is not mixed in', async () => {
	const busy = { chat: (_, response) => response.writeHead(503).end('{"error":"server busy"}') };
	const { ai } = await fleet([busy, busy, {}]);
	const answer = await ai.ask({ prompt: 'Say hello.' });
	assert.deepEqual([answer.ok, answer.text, answer.host], [true, 'Hello there', 'h2']);
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
	const { ai } = await fleet([{ models: ['all-minilm'], abilities: { 'all-minilm': ['embedding'] } }]);
	const answer = await ai.ask({ prompt: 'a text', task: 'embed', model: 'all-minilm' });
	assert.deepEqual([answer.ok, answer.embeddings], [true, [[1, 0.5]]]);
});

test('nothing listening is an answer, not a throw', async () => {
	const gone = await ollama();
	await gone.close();
	const ai = built.createDispatcher({ hosts: [{ url: gone.url }] });
	closing(ai);
	const answer = await ai.ask({ prompt: 'Say hello.' });
	assert.deepEqual([answer.ok, answer.error.code], [false, 'no_host']);
});

test('a key goes to its host and stays out of the snapshot', async () => {
	const server = await ollama();
	const ai = built.createDispatcher({ hosts: [{ url: server.url, api_key: 'secret' }] });
	[server, ai].forEach(closing);
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
