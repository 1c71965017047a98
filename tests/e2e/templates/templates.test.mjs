// Each template of the n8n package in a real n8n, by the trigger that needs no account.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { lines, ollama } from '../../world/ollama.mjs';
import { everyPartRequired, MissingPart, need, needOrSkip, stopAll } from '../bed/index.mjs';
import { activate, call, latest, streamed, textOf } from '../n8n/cluster.mjs';
import { fleetOf, startServer } from '../n8n/workbench.mjs';
import { names, runFrom, template } from './templates.mjs';

const flows = {};
let scripted;
let real;
let started;
let missing;

/** What a host is asked, by the words in it. */
const TOPICS = { 'order 4711': 'question', 'invoice 2041': 'billing', 'third time': 'complaint', conference: 'other' };

/** The bodies of the calls of a model so far. */
const chats = () => scripted.requests.filter(({ path }) => path === '/api/chat').map(({ body }) => body);

/** Answers as a model would that does each task well. */
function chat(_, response) {
	const { messages, format, tools } = chats().at(-1);
	const { role, content } = messages.at(-1);
	const say = (value) => lines(response, [typeof value === 'string' ? value : JSON.stringify(value)]);
	if (role === 'tool') return lines(response, ['17 times 23 ', 'is 391.']);
	if (tools) return callTool(response, 'Calculator', { input: '17*23' });
	const { label, wish, cause } = format?.properties ?? {};
	if (label) return say({ label: Object.entries(TOPICS).find(([words]) => content.includes(words))[1] });
	if (wish) return say({ order_number: /\d{4}/.exec(content)[0], wish: 'an answer', urgent: true });
	if (cause) return say({ cause: 'A table grows.', urgency: 'now', first_steps: ['Look at pg_stat_activity'] });
	say('Your lamp comes on Friday.');
}

const callTool = (response, name, given) =>
	response.end(
		`${JSON.stringify({
			model: 'm',
			message: { role: 'assistant', content: '', tool_calls: [{ function: { name, arguments: given } }] },
			done: true,
			done_reason: 'stop',
			prompt_eval_count: 40,
			eval_count: 8,
		})}\n`,
	);

before(async () => {
	try {
		const n8n = await need('n8n');
		scripted = await ollama({ models: ['llama3.2:3b'], abilities: { 'llama3.2:3b': ['completion', 'tools'] }, chat });
		const fleet = fleetOf('Scripted', { pc: scripted.url });
		const dead = fleetOf('Dead', { gone: 'http://127.0.0.1:9' });
		const add = (flow) => (flows[flow.id] = flow);
		add(template('triage-mail', fleet));
		add(template('chat-agent', fleet, { Chat: { public: true, mode: 'webhook' } }));
		add(template('diagnose-alerts', fleet));
		const alerts = template('diagnose-alerts', dead, { Alertmanager: { path: 'all-hosts-down' } });
		add({ ...alerts, id: 'all-hosts-down' });
		const credentials = [fleet, dead];
		real = await startReal();
		if (real) {
			const by = (value) => ({ model: { __rl: true, mode: 'id', value } });
			const short = (tag) => ({ ...by(tag), options: { maxTokens: 30, temperature: 0 } });
			credentials.push(real.fleet);
			add(
				template('answer-from-documents', real.fleet, {
					'Document Vectors': by(real.tags.minilm),
					'Question Vectors': by(real.tags.minilm),
					'Chat Model': short(real.tags.smollm2),
					'Ask in the Chat': { public: true, mode: 'webhook' },
				}),
			);
			const small = by(real.tags.smollm2);
			add(template('classify-at-night', real.fleet, { 'Load Model': small, 'Classify Row': small }));
		}
		started = await startServer(n8n, { credentials, workflows: Object.values(flows) });
	} catch (error) {
		if (!(error instanceof MissingPart) || everyPartRequired) throw error;
		missing = error.message;
	}
});

after(async () => {
	await stopAll();
	await scripted?.close();
});

/** A real Ollama with real models, beside a host that is off; null where it cannot be had. */
async function startReal() {
	try {
		const [server, models] = [await need('ollama'), await need('models')];
		const { folder, tags } = await models.install();
		const { url } = await server.start({ models: folder });
		return { tags, fleet: fleetOf('Real', { gone: 'http://127.0.0.1:9', pc: url }) };
	} catch (error) {
		if (!(error instanceof MissingPart) || everyPartRequired) throw error;
		return null;
	}
}

const inN8n = (name, body) => test(name, async (t) => (missing ? t.skip(missing) : body(t)));
const onRealModels = (name, body) =>
	inN8n(name, async (t) => ((await needOrSkip(t, 'ollama', 'models')) ? body(t) : undefined));

/** Asks in a template's chat, as its page does. */
async function ask(flow, trigger, chatInput) {
	const { webhookId } = flow.nodes.find(({ name }) => name === trigger);
	await activate(started.session, flow);
	return await call(started.server, { id: `${webhookId}/chat` }, { action: 'sendMessage', sessionId: 's1', chatInput });
}

test('each template has an overview, notes, settings, names of its own, and a way to try it', () => {
	for (const name of names) {
		const { nodes } = template(name, { id: 'x', name: 'x' });
		const [overview, ...notes] = nodes.filter(({ type }) => type.endsWith('.stickyNote'));
		const working = nodes.filter(({ type }) => !type.endsWith('.stickyNote'));
		assert.ok(working.length >= 8 && working.length <= 14, `${name}: ${working.length} nodes`);
		const words = overview.parameters.content.split(/\s+/).length;
		assert.ok(words >= 100 && words <= 300, `${name}: ${words} words`);
		assert.ok(notes.length >= 2 && notes.every(({ parameters }) => parameters.color === 7), name);
		for (const part of ['How it works', 'set up', 'How to customize'])
			assert.match(overview.parameters.content, new RegExp(part, 'i'));
		assert.ok(
			working.some((node) => node.name === 'Settings'),
			name,
		);
		assert.ok(
			working.some(({ type }) => type.endsWith('.manualTrigger')),
			name,
		);
		assert.equal(new Set(nodes.map(({ id }) => id)).size, nodes.length, name);
		assert.ok(
			nodes.every((node) => node.credentials === undefined || /smart-ai/.test(node.type)),
			name,
		);
	}
});

inN8n('mails are sorted; questions get a draft from the facts, the rest goes to a person', async () => {
	const { status, error, items } = await runFrom(started.session, flows['triage-mail'], 'Try Without a Mailbox');
	assert.equal(status, 'success', JSON.stringify(error));
	const all = items('All Mails');
	assert.deepEqual(
		all.map(({ topic, for: whom }) => [topic, whom]),
		[
			['question', 'review'],
			['billing', 'review'],
			['complaint', 'a person'],
			['other', 'a person'],
		],
	);
	assert.match(all[0].reply, /^Your lamp comes on Friday\.\n\nKind regards/);
	assert.deepEqual(all[0].facts, { order_number: '4711', wish: 'an answer', urgent: true });
	assert.equal(all[0].written_by, 'llama3.2:3b on pc');
	const prompt = chats().at(-1).messages.at(-1).content;
	assert.match(prompt, /Facts:\nWe deliver within ten working days/);
});

inN8n('an agent calls a tool and streams its answer into the chat', async () => {
	const answer = await streamed(await ask(flows['chat-agent'], 'Chat', 'What is 17 times 23?'));
	assert.equal(textOf(answer), '17 times 23 is 391.');
	const { runs, items } = await runFrom(started.session, flows['chat-agent'], 'Try Without the Chat');
	assert.equal(items('Agent')[0].output, '17 times 23 is 391.');
	assert.equal(runs['Chat Model'].length, 2);
	const { tools } = chats().at(-1);
	assert.deepEqual(tools.map((tool) => tool.function.name).sort(), ['Calculator', 'Fleet_Status', 'Read_Web_Page']);
});

inN8n('an alert is diagnosed; with every host down it arrives all the same', async () => {
	const tried = await runFrom(started.session, flows['diagnose-alerts'], 'Try Without Alertmanager');
	assert.equal(tried.status, 'success', JSON.stringify(tried.error));
	const [{ message, urgency, diagnosed }, ...others] = tried.items('All Messages');
	assert.deepEqual([urgency, diagnosed, others], ['now', true, []]);
	assert.match(
		message,
		/^\*\*DiskAlmostFull\*\* on db1:9100.*\nLikely cause: A table grows\.\nUrgency: now\n- Look at/s,
	);

	const down = flows['all-hosts-down'];
	await activate(started.session, down);
	const alert = {
		status: 'firing',
		labels: { alertname: 'Down', severity: 'critical' },
		annotations: { summary: 'web1 is down' },
	};
	await (await call(started.server, down, { alerts: [alert] })).text();
	const { status, runs } = await latest(started.session, down);
	assert.equal(status, 'success');
	const [{ json }] = runs['All Messages'][0].data.main[0];
	assert.deepEqual([json.urgency, json.diagnosed], ['now', false]);
	assert.match(json.message, /web1 is down\nNo diagnosis: .*gone/s);
});

onRealModels('questions are answered from documents that were stored before', async () => {
	const flow = flows['answer-from-documents'];
	const stored = await runFrom(started.session, flow, 'Try Without a File');
	assert.equal(stored.status, 'success', JSON.stringify(stored.error));
	assert.equal(stored.items('Store Passages').length, 1);
	const response = await ask(flow, 'Ask in the Chat', 'How long may I return a lamp?');
	const text = await response.text();
	assert.equal(response.status, 200, text);
	const { runs } = await latest(started.session, flow);
	const [{ json }] = runs['Stored Passages'][0].data.ai_vectorStore[0];
	assert.match(JSON.stringify(json), /within 30 days/);
	assert.ok(runs['Answer from Passages'][0].data.main[0][0].json.response.length > 0);
});

onRealModels('rows are classified and saved; those that are done are left alone', async () => {
	const flow = flows['classify-at-night'];
	const first = await runFrom(started.session, flow, 'Try by Hand');
	assert.equal(first.status, 'success', JSON.stringify(first.error));
	const [{ labels, ...report }] = first.items('Report');
	assert.deepEqual(report, { rows: 5, classified: 5, left_for_next_night: 0 });
	const [{ ok, state, model }] = first.items('Load Model');
	assert.deepEqual([ok, state, model], [true, 'begun', real.tags.smollm2]);
	const [open] = first.items('Get Open Rows');
	assert.deepEqual(open, {});
	for (const { label, labelled_by: by } of first.items('Save Label')) {
		assert.ok(label in labels, label);
		assert.match(by, /^smollm2:135m on pc$/);
	}
});
