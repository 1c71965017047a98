// Each operation of the Smart AI node in a real n8n: what the host is asked, and what comes out.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { lines, ollama } from '../../world/ollama.mjs';
import { everyPartRequired, MissingPart, need, stopAll } from '../bed/index.mjs';
import { activate, call, cluster, latest, node, streamed, textOf } from './cluster.mjs';
import { fleetOf, NODE, startServer } from './workbench.mjs';

const ABLE = { 'nomic-embed-text': ['embedding'], 'llava:7b': ['completion', 'vision'] };
const MODELS = 'phi3:mini, llava:7b';
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** Answers a schema with a value that fits, and anything else with a greeting. */
function chat(_, response) {
	const { format } = chats().at(-1);
	if (!format) return lines(response, ['Hello', ' there']);
	const { label, labels } = format.properties;
	if (label) return lines(response, [JSON.stringify({ label: label.enum[0] })]);
	if (labels) return lines(response, [JSON.stringify({ labels: labels.items.enum })]);
	lines(response, ['{"sender":"Ada","total":', '12.5}']);
}

const flows = {};
let host;
let started;
let missing;
const chats = () => host.requests.filter(({ path }) => path === '/api/chat').map(({ body }) => body);

before(async () => {
	try {
		const n8n = await need('n8n');
		host = await ollama({ models: ['phi3:mini', 'llava:7b', 'nomic-embed-text'], abilities: ABLE, chat });
		const fleet = fleetOf('Fleet', { pc: host.url }, { models: MODELS });
		const credentials = { smartAiFleetApi: { id: fleet.id, name: fleet.name } };
		const add = (id, resource, operation, parameters, { roots = [], ...more } = {}) => {
			const ask = node('Ask', NODE, 2, { resource, operation, ...parameters }, { credentials });
			flows[id] = cluster({ id, roots: [...roots, ask], subs: [], ...more });
		};
		const labels = { label: [{ name: 'bill' }, { name: 'praise', meaning: 'says thank you' }] };
		const text = '={{ $json.body.text }}';
		const by = (value) => ({ model: { __rl: true, mode: 'id', value } });
		const picture = node('File', 'n8n-nodes-base.convertToFile', 1.1, {
			operation: 'toBinary',
			sourceProperty: 'body.picture',
			options: {},
		});
		add('generate', 'text', 'generate', { prompt: text, options: { includeInput: true } });
		add('stream', 'text', 'generate', { prompt: text }, { responseMode: 'streaming' });
		add('summarize', 'text', 'summarize', { text, words: 20 });
		add('classify', 'text', 'classify', { text, labels, options: { simplify: true } });
		add('several', 'text', 'classify', { text, labels, several: true });
		add('extract', 'text', 'extract', {
			text,
			fields: { field: [{ name: 'sender' }, { name: 'total', type: 'number' }] },
		});
		add(
			'picture',
			'text',
			'extract',
			{ wanted: 'example', example: '{"sender":"A","total":1}', options: { imageFields: 'data' } },
			{ roots: [picture] },
		);
		add('chat', 'chat', 'send', {
			history: '={{ $json.body.history }}',
			messages: { message: [{ role: 'user', content: text }] },
		});
		add('embed', 'embedding', 'embed', { texts: '={{ $json.body.texts }}', ...by('nomic-embed-text') });
		add('explain', 'decision', 'explain', { prompt: text });
		add('status', 'fleet', 'status', {});
		add('verify', 'fleet', 'verify', {});
		started = await startServer(n8n, { credentials: [fleet], workflows: Object.values(flows) });
		for (const flow of Object.values(flows)) await activate(started.session, flow);
	} catch (error) {
		if (!(error instanceof MissingPart) || everyPartRequired) throw error;
		missing = error.message;
	}
});

after(async () => {
	await stopAll();
	await host?.close();
});

/** The first item that comes out of a flow. */
async function item(id, body = { text: 'Say hello.' }) {
	const response = await call(started.server, flows[id], body);
	const text = await response.text();
	assert.equal(response.status, 200, text);
	return JSON.parse(text);
}

const inN8n = (name, body) => test(name, async (t) => (missing ? t.skip(missing) : body()));

inN8n('text is generated, told in a hint, counted, and put beside the fields of the input', async () => {
	const out = await item('generate');
	assert.deepEqual([out.text, out.host, out.body.text], ['Hello there', 'pc', 'Say hello.']);
	const { runs } = await latest(started.session, flows.generate);
	const [{ hints, metadata }] = runs.Ask;
	assert.match(hints[0].message, /^Answered by phi3:mini on pc in (under )?\d/);
	assert.deepEqual(metadata.tokenUsage, { inputTokens: 3, outputTokens: 2 });
});

inN8n('text is streamed to a webhook that waits for a stream', async () => {
	const answer = await streamed(await call(started.server, flows.stream, { text: 'Say hello.' }));
	assert.equal(textOf(answer), 'Hello there');
	assert.deepEqual([answer[0].type, answer.at(-1).type], ['begin', 'end']);
});

inN8n('a text is summarized, classified and read by what Ollama calls a format', async () => {
	assert.equal((await item('summarize', { text: 'A long story.' })).text, 'Hello there');
	assert.match(chats().at(-1).messages.at(-1).content, /Use at most 20 words.*A long story\.$/s);
	assert.deepEqual(await item('classify'), {
		text: '{"label":"bill"}',
		data: { label: 'bill' },
		model: 'phi3:mini',
		host: 'pc',
		label: 'bill',
	});
	assert.deepEqual((await item('several')).labels, ['bill', 'praise']);
	assert.deepEqual((await item('extract')).data, { sender: 'Ada', total: 12.5 });
	assert.deepEqual(Object.keys(chats().at(-1).format.properties), ['sender', 'total']);
});

inN8n('a picture is read by a model that sees', async () => {
	assert.deepEqual((await item('picture', { picture: PIXEL })).data, { sender: 'Ada', total: 12.5 });
	const { model, messages } = chats().at(-1);
	assert.deepEqual([model, messages.at(-1).images], ['llava:7b', [PIXEL]]);
});

inN8n('a conversation is sent with what was said before', async () => {
	const history = [
		{ role: 'user', content: 'Hi' },
		{ role: 'assistant', content: 'Hello' },
	];
	assert.equal((await item('chat', { history, text: 'Who are you?' })).text, 'Hello there');
	assert.deepEqual(chats().at(-1).messages, [...history, { role: 'user', content: 'Who are you?' }]);
});

inN8n('a list of texts is embedded as one call', async () => {
	const calls = () => host.requests.filter(({ path }) => path === '/api/embed').length;
	const before = calls();
	assert.equal((await item('embed', { texts: ['a', 'b', 'c'] })).embeddings.length, 3);
	assert.equal(calls() - before, 1);
});

inN8n('a decision, the status and what is missing are told without a call of a model', async () => {
	const before = chats().length;
	const decision = await item('explain');
	assert.deepEqual(decision.chosen, { host: 'pc', model: 'phi3:mini' });
	assert.ok(decision.candidates[0].score_s > 0);
	const status = await item('status');
	assert.deepEqual([status.host, status.state, status.version], ['pc', 'up', '0.24.0']);
	assert.deepEqual(await item('verify'), {
		check: 'host pc',
		ok: true,
		detail: 'Ollama 0.24.0 with 3 models',
		fix: '',
	});
	const { runs } = await latest(started.session, flows.verify);
	const checks = runs.Ask[0].data.main[0].map(({ json }) => json);
	assert.match(checks.find(({ ok }) => !ok).fix, /ollama pull/);
	assert.equal(chats().length, before);
});
