import assert from 'node:assert/strict';
import { test } from 'node:test';

import conversation from '../dist-test/nodes/SmartAiChatModel/conversation.js';
import dispatched from '../dist-test/nodes/SmartAiChatModel/dispatchedModel.js';
import mend from '../dist-test/nodes/SmartAiChatModel/mend.js';

const { turnsOf, toolsOf, UnreadablePart } = conversation;
const { DispatchedModel } = dispatched;
const { mended } = mend;
const PNG = 'iVBORw0KGgoAAA';
const text = (text) => ({ type: 'text', text });
const noLoad = async () => assert.fail('nothing to load');

test('a conversation becomes that of Ollama, without the id that an agent puts among the arguments', async () => {
	const call = { type: 'tool-call', toolCallId: 'c1', toolName: 'add', input: '{"a":1,"id":"c1"}' };
	const other = { type: 'tool-call', toolCallId: 'c2', toolName: 'find', input: '{"id":"row 7"}' };
	const result = { type: 'tool-result', toolCallId: 'c1', result: [text('3'), { type: 'data', n: 1 }] };
	const turns = await turnsOf(
		[
			{ role: 'system', content: [text('Be brief.')] },
			{ role: 'user', content: [text('1 and 2?')] },
			{ role: 'assistant', content: [call, other] },
			{ role: 'tool', name: 'add', content: [result] },
		],
		noLoad,
	);
	assert.deepEqual(turns, [
		{ role: 'system', content: 'Be brief.' },
		{ role: 'user', content: '1 and 2?' },
		{
			role: 'assistant',
			content: '',
			tool_calls: [
				{ id: 'c1', function: { name: 'add', arguments: { a: 1 } } },
				{ id: 'c2', function: { name: 'find', arguments: { id: 'row 7' } } },
			],
		},
		{ role: 'tool', content: '3\n{"type":"data","n":1}', tool_call_id: 'c1', tool_name: 'add' },
	]);
});

test('a picture goes with the question before it, whatever form it has', async () => {
	const pictures = [
		{ type: 'file', mediaType: 'image/jpeg', data: 'abc' },
		{ type: 'file', data: PNG },
		{ type: 'file', mediaType: 'image/png', data: Buffer.from('abc') },
		{ type: 'file', providerMetadata: { url: 'http://a/b.png' } },
	];
	const load = async (url) => `loaded ${url}`;
	const turns = await turnsOf(
		[
			{ role: 'user', content: [text('What is it?')] },
			{ role: 'user', content: pictures },
		],
		load,
	);
	const images = ['abc', PNG, 'YWJj', 'loaded http://a/b.png'];
	assert.deepEqual(turns, [{ role: 'user', content: 'What is it?', images }]);
});

test('a text file is read, and a file that is neither text nor picture is refused by name', async () => {
	const file = (mediaType, data) => ({ role: 'user', content: [{ type: 'file', mediaType, data }] });
	const [turn] = await turnsOf([file('text/csv', Buffer.from('a,b').toString('base64'))], noLoad);
	assert.deepEqual(turn, { role: 'user', content: 'a,b' });
	await assert.rejects(turnsOf([file('application/pdf', 'JVBERi0')], noLoad), (error) => {
		return error instanceof UnreadablePart && error.message.includes('application/pdf');
	});
});

test('tools are described as Ollama wants them', () => {
	const tool = { type: 'function', name: 'add', description: 'adds', inputSchema: 'S' };
	assert.deepEqual(
		toolsOf([tool, { type: 'provider', name: 'web' }], ({ inputSchema }) => ({ of: inputSchema })),
		[{ type: 'function', function: { name: 'add', description: 'adds', parameters: { of: 'S' } } }],
	);
});

const whole = {
	ok: true,
	text: 'Hello there',
	model: 'm',
	host: 'pc',
	ms: { total: 7 },
	usage: { prompt_tokens: 11, output_tokens: 7 },
	decision: null,
};

/** A model on an engine that says these pieces and then ends as `answer` has it. */
function model(answer, pieces = [], around = {}) {
	const asked = [];
	const engine = {
		ask: async (request, { signal, onText }) => {
			asked.push({ request, signal });
			for (const piece of onText ? pieces : []) onText(piece);
			return answer;
		},
	};
	const told = [];
	return {
		asked,
		told,
		model: new DispatchedModel({
			engine,
			defaults: { mode: 'fast' },
			load: noLoad,
			schemaOf: () => ({}),
			tell: (answer) => told.push(answer),
			failure: (answer, streamed) => Object.assign(new Error(answer.error.message), { streamed }),
			...around,
		}),
	};
}

const hello = [{ role: 'user', content: [text('Hello?')] }];
const chunks = async (stream) => {
	const all = [];
	for await (const chunk of stream) all.push(chunk);
	return all;
};

test('an answer that breaks off after its first piece ends with what there is; before it, it is thrown', async () => {
	const broken = { ...whole, ok: false, text: 'Hel', error: { message: 'It broke off' } };
	const late = model(broken, ['Hel']);
	assert.deepEqual(
		(await chunks(late.model.stream(hello))).map(({ type, delta, finishReason }) => delta ?? finishReason ?? type),
		['Hel', 'other'],
	);
	assert.equal(late.told.length, 1);
	await assert.rejects(chunks(model(broken).model.stream(hello)), { message: 'It broke off', streamed: true });
	await assert.rejects(model(broken, ['Hel']).model.generate(hello), { streamed: false });
});

test('a streamed answer is said once, with its tool calls and its true tokens', async () => {
	const calls = [{ function: { name: 'add', arguments: { a: 1 } } }, { id: 'x', function: { name: 'sub' } }];
	const all = await chunks(model({ ...whole, tool_calls: calls }, ['Hello', ' there']).model.stream(hello));
	const said = all.filter(({ type }) => type === 'text-delta').map(({ delta }) => delta);
	assert.equal(said.join(''), 'Hello there');
	const [first, second, finish] = all.slice(-3);
	assert.deepEqual([first.name, first.argumentsDelta], ['add', '{"a":1}']);
	assert.ok(first.id.length > 0 && first.id !== second.id);
	assert.deepEqual([second.id, second.argumentsDelta], ['x', '{}']);
	assert.deepEqual(finish.usage, { promptTokens: 11, completionTokens: 7, totalTokens: 18 });
	assert.equal(finish.finishReason, 'tool-calls');
});

test('whoever stops reading ends the call', async () => {
	const { model: asked, asked: calls } = model(whole, ['Hello']);
	for await (const _ of asked.stream(hello)) break;
	assert.equal(calls[0].signal.aborted, true);
});

test('a tool that is bound twice is sent once; a choice that forces one is told in words', async () => {
	const { model: plain, asked } = model(whole);
	const tool = { type: 'function', name: 'add', inputSchema: {} };
	await plain.withTools([tool]).withTools([tool]).generate(hello, { tool_choice: 'any' });
	assert.equal(asked[0].request.tools.length, 1);
	assert.match(asked[0].request.messages.at(-1).content, /^Hello\?\n\nAnswer by calling one of the tools/);
});

test('a rollout keeps a conversation on one side, and its comparison is told', async () => {
	const comparison = { switched: true, named: null, chosen: null, gain_ms: 0 };
	const told = { ...whole, decision: { reason: 'best', comparison } };
	const { model: plain, asked } = model(told, [], { defaults: { model: 'm', rollout: { percent: 10 } } });
	const report = {};
	const later = [...hello, { role: 'assistant', content: [text('Yes?')] }, { role: 'user', content: [text('More.')] }];
	for (const messages of [hello, later]) await plain.generate(messages, { report });
	for (const { request } of asked) assert.deepEqual(request.rollout, { percent: 10, key: 'Hello?' });
	assert.deepEqual(report.rollout, comparison);
	const own = model(told, [], { defaults: { model: 'm', rollout: { percent: 10, key: 'Ada' } } });
	await own.model.generate(hello);
	assert.equal(own.asked[0].request.rollout.key, 'Ada');
});

/** n8n's adapter, as far as it is mended: it keeps what it is called with. */
function adapter() {
	const calls = [];
	const made = {
		calls,
		callbacks: [{ options: { tokensUsageParser: () => 'as before' } }, {}],
		_generate: async (messages, config) => {
			calls.push({ messages, config });
			config.report.model = 'm';
			return { generations: [{ text: 'a' }] };
		},
		async *_streamResponseChunks(messages, config) {
			calls.push({ messages, config });
			yield { message: {} };
			config.report.model = 'm';
			yield { message: { response_metadata: { finish_reason: 'stop' } }, generationInfo: { finish_reason: 'stop' } };
		},
		bindTools: () => adapter(),
	};
	return made;
}

test('the adapter hands on pictures, the choice of a tool, and who answered', async () => {
	class HumanMessage {
		constructor(content) {
			this.content = content;
		}
	}
	const url = `data:image/png;base64,${PNG}`;
	const message = new HumanMessage([text('?'), { type: 'image_url', image_url: { url } }]);
	// As createToolCallingAgent does: bound a second time, without the choice.
	const bound = mended(adapter()).bindTools([], { tool_choice: 'any' }).bindTools([]);
	const { generations } = await bound._generate([message], { signal: 's' });
	const [{ messages, config }] = bound.calls;
	assert.deepEqual(messages[0].content, [text('?'), { type: 'image', mimeType: 'image/png', data: PNG }]);
	assert.ok(messages[0] instanceof HumanMessage && messages[0] !== message);
	assert.deepEqual([config.signal, config.tool_choice], ['s', 'any']);
	assert.deepEqual(generations[0].generationInfo, { smart_ai: { model: 'm' } });
	const streamed = await chunks(bound._streamResponseChunks([message]));
	assert.deepEqual(
		streamed.map(({ generationInfo }) => generationInfo),
		[undefined, { finish_reason: 'stop', smart_ai: { model: 'm' } }],
	);
});

test('the tokens of a streamed answer are read, and those of a whole one as before', () => {
	const { options } = mended(adapter()).callbacks[0];
	const of = (tokenUsage) => options.tokensUsageParser({ llmOutput: { tokenUsage } });
	assert.deepEqual(of({ promptTokens: 11, completionTokens: 7 }), {
		promptTokens: 11,
		completionTokens: 7,
		totalTokens: 18,
	});
	assert.equal(of({ input_tokens: 11 }), 'as before');
	assert.equal(options.tokensUsageParser({}), 'as before');
});

test('an adapter that n8n changed is left as it is', () => {
	const strange = { callbacks: 'none' };
	assert.equal(mended(strange), strange);
});
