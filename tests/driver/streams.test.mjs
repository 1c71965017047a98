// Answers handed out piece by piece, and callers that leave, on the build that BUILD names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fleet, signal } from '../world/fleet.mjs';
import { line } from '../world/ollama.mjs';

test('text comes piece by piece', async () => {
	const { ai } = await fleet([{}]);
	const pieces = [];
	await ai.ask({ prompt: 'Say hello.' }, { onText: (text) => pieces.push(text) });
	assert.deepEqual(pieces, ['Hello', ' there']);
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

test('a call that waits for a load is answered by a host that turns out quick, and the load goes on', async () => {
	const closed = signal();
	const quick = (_, response) => {
		response.write(line({ message: { content: 'Hello' }, done: false }));
		const counters = { prompt_eval_count: 3, eval_count: 40, eval_duration: 1e8, total_duration: 1e8 };
		response.end(line({ message: { content: '' }, done: true, done_reason: 'stop', ...counters }));
	};
	const silent = (_, response) => response.on('close', closed.ring);
	// Both have to load, and two jobs that come at once are spread over them.
	const { ai } = await fleet([{ chat: quick }, { chat: silent }]);
	const answers = await Promise.all([1, 2].map(() => ai.ask({ prompt: 'Say hello.' })));
	assert.deepEqual(
		answers.map(({ text, attempts }) => [text, ...attempts.map(({ host, outcome }) => `${host} ${outcome}`)]),
		[
			['Hello', 'h0 ok'],
			['Hello', 'h1 overtaken', 'h0 ok'],
		],
	);
	assert.equal(await Promise.race([closed.rung, 'still open']), 'still open');
});
