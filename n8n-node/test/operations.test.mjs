import assert from 'node:assert/strict';
import { test } from 'node:test';

import classifyModule from '../dist-test/nodes/SmartAi/operations/classify/execute.js';
import chatModule from '../dist-test/nodes/SmartAi/operations/chat/execute.js';
import prewarmModule from '../dist-test/nodes/SmartAi/operations/prewarm/execute.js';
import schemaModule from '../dist-test/nodes/SmartAi/operations/extract/schema.js';
import summarizeModule from '../dist-test/nodes/SmartAi/operations/summarize/execute.js';
import chatModelModule from '../dist-test/nodes/SmartAiChatModel/properties.js';
import verifyModule from '../dist-test/nodes/SmartAi/operations/verify/execute.js';
import parametersModule from '../dist-test/nodes/SmartAi/parameters.js';
import senderModule from '../dist-test/nodes/SmartAi/sender.js';

const { classification } = classifyModule;
const { operationOf, parameters } = parametersModule;
const { schemaOfExample, schemaOfFields } = schemaModule;

/** The parameters that n8n shows for these values, without those inside collections. */
const visible = (version, values) =>
	parameters.filter(({ displayOptions }) =>
		Object.entries(displayOptions.show).every(([name, wanted]) =>
			wanted.includes(name === '@version' ? version : values[name]),
		),
	);

test('a node of the first version keeps its parameters, one after the other', () => {
	const names = (operation) => visible(1, { operation, rating: 'up' }).map(({ name }) => name);
	assert.deepEqual(names('ask'), ['operation', 'prompt', 'task', 'mode', 'deadline', 'model', 'options']);
	assert.deepEqual(names('rate'), ['operation', 'ratedModel', 'ratedTask', 'rating', 'options']);
	assert.equal(operationOf(1, '', 'ask').operation, 'ask');
});

test('each operation of each resource has one parameter of each name, and is found by them', () => {
	const [{ options: resources }] = visible(2, {});
	for (const { value: resource } of resources) {
		const choice = visible(2, { resource }).find(({ name }) => name === 'operation');
		assert.ok(
			choice.options.some(({ value }) => value === choice.default),
			resource,
		);
		for (const { value: operation } of choice.options) {
			const names = visible(2, { resource, operation, rating: 'up', wanted: 'fields' }).map(({ name }) => name);
			assert.equal(new Set(names).size, names.length, `${resource} ${operation}: ${names}`);
			assert.equal(operationOf(2, resource, operation).operation, operation);
		}
	}
	assert.equal(operationOf(2, 'text', 'ask'), undefined);
});

test('the panel finds no actions in the parameter mode, which it would show beside the operations', () => {
	for (const properties of [parameters, chatModelModule.properties]) {
		assert.equal(properties.find(({ name }) => name === 'mode').options, undefined);
	}
});

test('a classification leaves the model no other answer than a label', () => {
	const labels = [{ name: ' bill ', meaning: 'asks for money' }, { name: 'praise' }, { name: ' ' }];
	const one = classification('Pay now', labels, false);
	assert.deepEqual(one.schema.properties, { label: { type: 'string', enum: ['bill', 'praise'] } });
	assert.match(one.prompt, /- bill: asks for money\n- praise\n\nText:\nPay now$/);
	const { properties, required } = classification('Pay now', labels, true).schema;
	assert.deepEqual([properties.labels.items.enum, required], [['bill', 'praise'], ['labels']]);
	assert.throws(() => classification('Pay now', [{ name: 'bill' }], false), /too few labels/);
});

test('fields become a schema in which what a text may not have may be null', () => {
	const fields = [
		{ name: 'total', type: 'number', meaning: 'in euros', required: true },
		{ name: 'tags', type: 'list' },
		{ name: '' },
	];
	const { properties, required } = schemaOfFields(fields);
	assert.deepEqual(properties, {
		total: { type: 'number', description: 'in euros' },
		tags: { type: ['array', 'null'], items: { type: 'string' } },
	});
	assert.deepEqual(required, ['total', 'tags']);
	assert.throws(() => schemaOfFields([{}]), /no field/);
});

test('an example becomes the schema that it fits', () => {
	assert.deepEqual(schemaOfExample({ a: 1, b: ['x'], c: { d: true }, e: null }).properties, {
		a: { type: 'number' },
		b: { type: 'array', items: { type: 'string' } },
		c: { type: 'object', properties: { d: { type: 'boolean' } }, required: ['d'], additionalProperties: false },
		e: {},
	});
});

test('a summary is asked for in the form, length and language that were chosen', () => {
	const { summaryPrompt } = summarizeModule;
	assert.match(summaryPrompt('T', 'bullets', 40, 'German'), /bullet points.*Write in German\. Use at most 40 words\./s);
	assert.match(summaryPrompt('T', 'sentence', 0, ''), /in one sentence\. Write in the language of the text\. Say/);
});

test('earlier messages come as a list or as JSON, and anything else is refused by name', () => {
	const turns = [{ role: 'user', content: 'Hello' }];
	assert.deepEqual(chatModule.turnsOf(turns), turns);
	assert.deepEqual(chatModule.turnsOf(JSON.stringify(turns)), turns);
	assert.deepEqual(chatModule.turnsOf(''), []);
	for (const given of ['{', '{}', [null], [{ role: 'user' }]]) {
		assert.throws(() => chatModule.turnsOf(given), /Earlier Messages cannot be used/, JSON.stringify(given));
	}
});

test('what the fleet lacks is named with how to get it', () => {
	const model = (name, ...capabilities) => ({ model: name, capabilities });
	const up = { host: 'pc', state: 'up', version: '0.24.0', models: [model('m', 'completion')], signals: [] };
	const down = { host: 'nas', state: 'unreachable', version: null, models: [], signals: [] };
	const checks = verifyModule.checksOf([up, down], true);
	const failing = checks.filter(({ ok }) => !ok);
	assert.deepEqual(
		failing.map(({ check, fix }) => [check.split(' ').slice(0, 2).join(' '), fix.length > 0]),
		[
			['host nas', true],
			['models that', true],
			['models that', true],
			['models that', true],
			['metrics', true],
		],
	);
	assert.deepEqual(
		checks.filter(({ ok }) => ok).map(({ check, detail, fix }) => [check, detail, fix]),
		[
			['host pc', 'Ollama 0.24.0 with 1 models', ''],
			['models that write', 'm', ''],
		],
	);
});

test('a streamed answer is sent in few chunks, whole, and ends as it ended', () => {
	let now = 1000;
	const sent = [];
	const context = { sendChunk: (type, _, content) => sent.push(content === undefined ? type : [type, content]) };
	const sender = new senderModule.Sender(context, 0, () => now);
	for (const piece of ['a', 'b', 'c']) {
		sender.push(piece);
		now += 50;
	}
	sender.end({ ok: true, text: 'abc' });
	assert.deepEqual(sent.splice(0), ['begin', ['item', 'a'], ['item', 'bc'], 'end']);
	new senderModule.Sender(context, 0, () => now).end({ ok: false, text: '', error: { message: 'no host' } });
	assert.deepEqual(sent, ['begin', ['error', 'no host'], 'end']);
});

test('prewarming goes on at once unless it is waited for, or planned', async () => {
	const wishes = [];
	let loaded;
	const prepared = { ok: true, state: 'loaded', host: 'pc', model: 'm', ms: 9, begins_in_ms: 0, error: null };
	const engine = {
		name: 'wasm',
		prepare: async (wish) => {
			wishes.push(wish);
			return await new Promise((resolve) => {
				loaded = () => resolve(prepared);
				if (wish.at !== undefined) loaded();
			});
		},
	};
	const of = async (parameters) => {
		const given = { model: 'm', mode: 'fast', options: { host: 'pc' }, ...parameters };
		const context = { getNodeParameter: (name, _, fallback) => given[name] ?? fallback };
		return await prewarmModule.execute({ context, engine }, 0);
	};
	assert.deepEqual(await of({}), { ok: true, state: 'begun', model: 'm', host: 'pc', engine: 'wasm' });
	assert.equal((await of({ neededAt: '2030-01-31T07:00:00Z' })).state, 'loaded');
	const waiting = of({ wait: true });
	loaded();
	assert.deepEqual([(await waiting).state, (await waiting).ms], ['loaded', 9]);
	assert.deepEqual(
		wishes.map(({ at }) => at),
		[undefined, Date.parse('2030-01-31T07:00:00Z'), undefined],
	);
	assert.deepEqual(wishes[0], { mode: 'fast', model: 'm', host: 'pc' });
	await assert.rejects(of({ neededAt: 'soon' }), /Needed At is no date/);
	prepared.error = { code: 'no_model', message: 'no host has m', hint: 'Pull it.' };
	const failing = of({ wait: true });
	loaded();
	await assert.rejects(failing, (error) => error.message === 'no host has m' && error.hint === 'Pull it.');
});
