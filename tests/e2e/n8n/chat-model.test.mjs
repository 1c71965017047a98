// The Smart AI Chat Model under n8n's own Agent and chains, in a real n8n.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { line, lines, ollama } from '../../world/ollama.mjs';
import { everyPartRequired, MissingPart, need, stopAll } from '../bed/index.mjs';
import { activate, agent, calculator, call, chatModel, cluster, latest, node, streamed, textOf } from './cluster.mjs';
import { startHost } from '../faults/host.mjs';
import { fleetOf, startServer } from './workbench.mjs';

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const ABLE = {
	'llama3.2:3b': ['completion', 'tools'],
	'qwen2.5:7b': ['completion', 'tools'],
	'llava:7b': ['completion', 'vision'],
};
/** A model that tells a story, a word each fifth of a second. */
const STORY = {
	name: 'phi3:mini',
	decode_tok_per_s: 5,
	answer: 'Once upon a time there lived an old king who had three sons and a very small kingdom by the sea.',
};
/** What the scripted host says it has read and written. */
const USAGE = { promptTokens: 111, completionTokens: 77, totalTokens: 188 };

/** As n8n's agent hands on what a tool returned. */
const RETURNED = '[{"response":"42"}]';

const hosts = {};
const flows = {};
let started;
let missing;

/** A whole answer with these parts of a message, and counters of its own. */
const answer = (response, ...messages) => {
	for (const message of messages) {
		response.write(line({ message: { role: 'assistant', content: '', ...message }, done: false }));
	}
	response.end(
		line({
			message: { role: 'assistant', content: '' },
			done: true,
			done_reason: 'stop',
			prompt_eval_count: USAGE.promptTokens,
			eval_count: USAGE.completionTokens,
		}),
	);
};

/** Calls the calculator when it is asked, and says what that returned. */
const calculates = (_, response) => {
	const { messages } = chats(hosts.tools).at(-1);
	const { role, content } = messages.at(-1);
	if (role === 'tool') return answer(response, { content: 'It is ' }, { content: content });
	answer(response, { tool_calls: [{ function: { name: 'Calculator', arguments: { input: '6*7' } } }] });
};

/** Reads the page when it is asked, and says how much it has read. */
const reads = (host) => (_, response) => {
	const { role, content } = chats(hosts[host]).at(-1).messages.at(-1);
	if (role === 'tool') return answer(response, { content: content.length > 30_000 ? 'A long page.' : 'Little.' });
	answer(response, { tool_calls: [{ function: { name: 'Page', arguments: {} } }] });
};

/** The bodies of the calls of a model that a host has had. */
const chats = (host) => host.requests.filter(({ path }) => path === '/api/chat').map(({ body }) => body);

before(async () => {
	try {
		const n8n = await need('n8n');
		hosts.tools = await ollama({
			models: ['phi3:mini', 'llama3.2:3b', 'llava:7b'],
			abilities: ABLE,
			chat: calculates,
		});
		hosts.sees = await ollama({ models: ['phi3:mini', 'llava:7b'], abilities: ABLE });
		hosts.breaks = await ollama({
			chat: (_, response) => {
				response.write(line({ message: { role: 'assistant', content: 'Once upon' }, done: false }), () =>
					setImmediate(() => response.destroy()),
				);
			},
		});
		hosts.spare = await ollama({ chat: (_, response) => lines(response, ['Once upon a time']) });
		hosts.short = await ollama({ models: ['llama3.2:3b'], abilities: ABLE, context: 4096, chat: reads('short') });
		hosts.long = await ollama({ models: ['qwen2.5:7b'], abilities: ABLE, context: 131_072, chat: reads('long') });
		hosts.page = await ollama({ page: 'word '.repeat(8000) });
		hosts.killed = await startHost({ models: [STORY] });
		hosts.refuses = await ollama({ status: { '/api/chat': 500 } });
		const fleet = (name, ...names) =>
			fleetOf(name, Object.fromEntries(names.map((host) => [host, hosts[host].url])), {
				models: 'phi3:mini, llama3.2:3b, llava:7b, qwen2.5:7b',
			});
		const fleets = {
			tools: fleet('tools', 'tools'),
			sees: fleet('sees', 'sees'),
			breaks: fleet('breaks', 'breaks'),
			spare: fleet('spare', 'spare'),
			lengths: fleet('lengths', 'short', 'long'),
			killed: fleet('killed', 'killed'),
			half: fleet('half', 'refuses', 'spare'),
		};
		const add = (id, setting) => (flows[id] = cluster({ id, ...setting }));
		const streaming = { responseMode: 'streaming' };
		add('tool-streamed', { ...streaming, roots: [agent()], subs: [chatModel(fleets.tools), calculator()] });
		add('tool-whole', { roots: [agent()], subs: [chatModel(fleets.tools), calculator()] });
		add('broken', {
			...streaming,
			roots: [agent({ needsFallback: true })],
			subs: [chatModel(fleets.breaks), chatModel(fleets.spare, {}, { name: 'Spare', index: 1 })],
		});
		add('killed', {
			...streaming,
			roots: [agent({ needsFallback: true })],
			subs: [chatModel(fleets.killed), chatModel(fleets.spare, {}, { name: 'Spare', index: 1 })],
		});
		add('lengths', {
			roots: [agent()],
			subs: [
				chatModel(fleets.lengths, { mode: 'fast' }),
				node(
					'Page',
					'n8n-nodes-base.httpRequestTool',
					4.2,
					{ toolDescription: 'Reads the page', url: hosts.page.url, options: {} },
					{ sub: 'ai_tool' },
				),
			],
		});
		add('failing', { ...streaming, roots: [agent()], subs: [chatModel(fleets.half)] });
		add('picture', {
			roots: [
				node('File', 'n8n-nodes-base.convertToFile', 1.1, {
					operation: 'toBinary',
					sourceProperty: 'body.picture',
					options: { fileName: 'a.png', mimeType: 'image/png' },
				}),
				agent({ text: 'What is on it?', options: { passthroughBinaryImages: true } }),
			],
			subs: [chatModel(fleets.sees)],
		});
		started = await startServer(n8n, { credentials: Object.values(fleets), workflows: Object.values(flows) });
		for (const flow of Object.values(flows)) await activate(started.session, flow);
	} catch (error) {
		if (!(error instanceof MissingPart) || everyPartRequired) throw error;
		missing = error.message;
	}
});

after(async () => {
	await stopAll();
	await Promise.all(Object.values(hosts).map((host) => host.close?.()));
});

const inN8n = (name, body) => test(name, async (t) => (missing ? t.skip(missing) : body(started)));

/** What the sub-node put out in each of its runs. */
const outputs = (runs, name = 'Model') => runs[name].map(({ data }) => data.ai_languageModel[0][0].json);

for (const how of ['streamed', 'whole']) {
	inN8n(`an agent's tool call arrives, and its result goes back to a model with tools (${how})`, async (bed) => {
		const flow = flows[`tool-${how}`];
		const before = chats(hosts.tools).length;
		const response = await call(bed.server, flow, { question: 'What is 6 times 7?' });
		const said = how === 'streamed' ? textOf(await streamed(response)) : (await response.json()).output;
		const { runs } = await latest(bed.session, flow);
		assert.equal(said, `It is ${RETURNED}`);
		const [first, second, ...others] = chats(hosts.tools).slice(before);
		assert.deepEqual(others, []);
		assert.deepEqual([first.model, second.model], ['llama3.2:3b', 'llama3.2:3b']);
		assert.deepEqual(
			first.tools.map((tool) => tool.function.name),
			['Calculator'],
		);
		const [asked, told] = second.messages.slice(-2);
		assert.deepEqual(asked.tool_calls[0].function, { name: 'Calculator', arguments: { input: '6*7' } });
		assert.equal(told.content, RETURNED);
		for (const output of outputs(runs)) {
			assert.deepEqual(output.tokenUsage, USAGE);
			const { smart_ai: report } = output.response.generations[0][0].generationInfo;
			assert.equal(report.model, 'llama3.2:3b');
			assert.equal(report.host, 'tools');
		}
	});
}

inN8n('a host that dies in mid-answer repeats nothing, though the agent has a fallback', async (bed) => {
	const response = await call(bed.server, flows.broken, { question: 'Tell me a story.' });
	assert.equal(textOf(await streamed(response)), 'Once upon');
	assert.equal(chats(hosts.spare).length, 0);
	const { status, runs } = await latest(bed.session, flows.broken);
	assert.equal(status, 'success');
	assert.match(JSON.stringify(runs.Model[0].hints), /cut off/);
});

inN8n('a host that is killed in mid-answer repeats nothing, and the fallback stays silent', async (bed) => {
	const before = chats(hosts.spare).length;
	const response = await call(bed.server, flows.killed, { question: 'Tell me a long story.' });
	let begun = '';
	const lines = await streamed(response, ({ type, content }) => {
		if (type !== 'item' || begun !== '') return;
		begun = content;
		void hosts.killed.stop('SIGKILL');
	});
	assert.ok(begun.length > 0 && textOf(lines).startsWith(begun));
	assert.equal(textOf(lines).indexOf(begun, begun.length), -1, textOf(lines));
	assert.equal(chats(hosts.spare).length, before);
	const { status, runs } = await latest(bed.session, flows.killed);
	assert.equal(status, 'success');
	assert.match(JSON.stringify(runs.Model[0].hints), /cut off/);
});

inN8n('one run of an agent goes to two models, each round to the one that can read it', async (bed) => {
	const response = await call(bed.server, flows.lengths, { question: 'What does the page say?' });
	assert.equal((await response.json()).output, 'A long page.');
	const { runs } = await latest(bed.session, flows.lengths);
	const log = outputs(runs).map(({ response: { generations } }) => generations[0][0].generationInfo.smart_ai);
	assert.deepEqual(
		log.map(({ model, host }) => [model, host]),
		[
			['llama3.2:3b', 'short'],
			['qwen2.5:7b', 'long'],
		],
	);
	assert.match(log[0].reason, /^llama3\.2:3b on short/);
	assert.match(log[1].reason, /^qwen2\.5:7b on long/);
});

inN8n('a host that refuses is passed over without the agent noticing', async (bed) => {
	const response = await call(bed.server, flows.failing, { question: 'Tell me a story.' });
	assert.equal(textOf(await streamed(response)), 'Once upon a time');
	const { runs } = await latest(bed.session, flows.failing);
	assert.match(JSON.stringify(runs.Model[0].hints), /Answered by phi3:mini on spare/);
});

inN8n('a picture reaches a model that sees', async (bed) => {
	await (await call(bed.server, flows.picture, { picture: PIXEL })).text();
	const { runs, error } = await latest(bed.session, flows.picture);
	assert.equal(error, undefined, JSON.stringify(runs));
	const { model, messages } = chats(hosts.sees).at(-1);
	assert.equal(model, 'llava:7b');
	assert.deepEqual(messages.at(-1), { role: 'user', content: 'What is on it?', images: [PIXEL] });
});
