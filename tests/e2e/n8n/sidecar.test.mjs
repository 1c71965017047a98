// The sidecar as the engine of n8n: the nodes' asks go to it with the credential's key; where it is away n8n decides
// itself, says so, and comes back.
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { line, ollama } from '../../world/ollama.mjs';
import { everyPartRequired, freePort, MissingPart, need, scratchFolder, stopAll, until } from '../bed/index.mjs';
import { build, startSidecar } from '../serve/sidecar.mjs';
import { activate, call, chatModel, cluster, latest, node, streamed, textOf } from './cluster.mjs';
import { begin, fleetOf, NODE, startServer, workflow } from './workbench.mjs';

const LANGCHAIN = '@n8n/n8n-nodes-langchain';
const KEY = 'key-of-the-sidecar-0123456789';
const MODELS = ['phi3:mini', 'nomic-embed-text'];
const ABLE = { 'nomic-embed-text': ['embedding'] };

const flows = {};
const fleets = {};
/** Emits `chat` with the response of each call of the host that never ends an answer. */
const calls = new EventEmitter();
let hosts;
let key;
let live;
let started;
let missing;

const settings = { flags: [], port: 0 };

/** A sidecar that asks for the key, at the same address each time. */
const sidecarOf = async (fleet) => {
	const flags = ['--key-file', key, '--proxy', `127.0.0.1:${settings.port}`];
	return await startSidecar(build(), fleet, flags);
};

before(async () => {
	try {
		const n8n = await need('n8n');
		hosts = {
			pc: await ollama({ models: MODELS, abilities: ABLE }),
			slow: await ollama({
				models: ['slow:1b'],
				chat: (_, response) => {
					response.write(line({ message: { role: 'assistant', content: 'Once' }, done: false }));
					calls.emit('chat', response);
				},
			}),
		};
		key = path.join(scratchFolder('key'), 'keys');
		writeFileSync(key, `${KEY}\n`, { mode: 0o600 });
		settings.port = await freePort();
		const urls = { pc: hosts.pc.url, slow: hosts.slow.url };
		live = await sidecarOf(urls);
		const gone = `http://127.0.0.1:${await freePort()}`;
		const given = { models: 'phi3:mini, nomic-embed-text, slow:1b', sidecarApiKey: KEY };
		fleets.all = fleetOf('All', urls, { ...given, sidecars: `${gone}, ${live.proxy}` });
		fleets.wrongKey = fleetOf('Wrong key', urls, { ...given, sidecars: live.proxy, sidecarApiKey: 'another' });
		fleets.gone = fleetOf('Gone', { pc: hosts.pc.url }, { ...given, sidecars: gone });
		const on = ({ id, name }) => ({ credentials: { smartAiFleetApi: { id, name } } });
		const ask = (fleet, parameters = {}) => {
			const given = {
				resource: 'text',
				operation: 'generate',
				prompt: '={{ $json.body.question }}',
				mode: 'fast',
				...parameters,
			};
			return node('Ask', NODE, 2, given, on(fleet));
		};
		const add = (id, setting) => (flows[id] = cluster({ id, ...setting }));
		add('plain', { roots: [ask(fleets.all)], subs: [] });
		add('streams', { responseMode: 'streaming', roots: [ask(fleets.all)], subs: [] });
		add('forced', {
			roots: [{ ...ask(fleets.gone, { options: { engine: 'sidecar' } }), onError: 'continueRegularOutput' }],
			subs: [],
		});
		add('keyless', { roots: [ask(fleets.wrongKey)], subs: [] });
		const split = node('Split', 'n8n-nodes-base.splitOut', 1, { fieldToSplitOut: 'body.questions', options: {} });
		const each = { ...ask(fleets.all, { prompt: "={{ $json['body.questions'] }}" }), onError: 'continueRegularOutput' };
		const webhook = { responseData: 'allEntries' };
		add('items', { webhook, roots: [split, each], subs: [] });
		add('embeds', {
			roots: [
				ask(fleets.all, {
					resource: 'embedding',
					operation: 'embed',
					texts: '={{ $json.body.question }}',
					model: { __rl: true, mode: 'id', value: 'nomic-embed-text' },
				}),
			],
			subs: [],
		});
		add('chain', {
			roots: [
				node('Chain', `${LANGCHAIN}.chainLlm`, 1.9, { promptType: 'define', text: '={{ $json.body.question }}' }),
			],
			subs: [chatModel(fleets.all, { mode: 'fast' })],
		});
		flows.stops = workflow({
			id: 'stops',
			version: 2,
			parameters: { resource: 'text', operation: 'generate', model: { __rl: true, mode: 'id', value: 'slow:1b' } },
			fleet: fleets.all,
		});
		started = await startServer(n8n, { credentials: Object.values(fleets), workflows: Object.values(flows) });
		for (const flow of Object.values(flows)) if (flow !== flows.stops) await activate(started.session, flow);
	} catch (error) {
		if (!(error instanceof MissingPart) || everyPartRequired) throw error;
		missing = error.message;
	}
});

after(async () => {
	await stopAll();
	await Promise.all(Object.values(hosts ?? {}).map((host) => host.close()));
});

const when = (name, body) =>
	test(name, async (t) => {
		if (missing) return t.skip(missing);
		await body(t);
	});

const ask = async (flow, question = 'Say hello.') => await (await call(started.server, flow, { question })).json();
/** The run of a node in the latest execution of a workflow. */
const ran = async (flow, name) => (await latest(started.session, flow)).runs[name][0];
const hintsOf = ({ hints = [] }) => hints.map(({ message }) => message).join('\n');

when('the sidecar that is ready answers, with the key of the credential, whichever node asks', async () => {
	const { text, engine, host } = await ask(flows.plain);
	assert.deepEqual([text, engine, host], ['Hello there', 'sidecar', 'pc']);
	const { engine: embeds, embeddings } = await ask(flows.embeds);
	assert.deepEqual([embeds, embeddings.length], ['sidecar', 1]);
	await ask(flows.chain);
	const [[{ json }]] = (await ran(flows.chain, 'Model')).data.ai_languageModel;
	assert.equal(json.response.generations[0][0].generationInfo.smart_ai.engine, 'sidecar');
});

when('an answer comes through it as it is written', async () => {
	const told = await streamed(await call(started.server, flows.streams, { question: 'Say hello.' }));
	assert.equal(textOf(told), 'Hello there');
});

when('an item that fails tells why, and the others are answered', async () => {
	const response = await call(started.server, flows.items, { questions: ['Hello?', ' ', 'And you?'] });
	assert.equal(response.status, 200);
	const items = (await ran(flows.items, 'Ask')).data.main[0].map(({ json }) => json);
	assert.deepEqual(
		items.map(({ engine, error }) => error ?? engine),
		['sidecar', items[1].error, 'sidecar'],
	);
	assert.match(items[1].error, /prompt/i);
	assert.equal(items[1].code, 'invalid_request');
});

when('an execution that is stopped ends the call at its host', async () => {
	const called = once(calls, 'chat');
	const id = await begin(started.session, 'stops');
	const [response] = await called;
	const closed = once(response, 'close');
	await started.session.stopExecution(id);
	await closed;
});

when('the test of a credential names a sidecar that does not serve', async () => {
	const of = async ({ id, name, type, data }) => await started.session.testCredential({ id, name, type, data });
	const good = await of(fleets.all);
	assert.deepEqual([good.status, good.message], ['OK', `2 of 2 hosts answer; the sidecar ${live.proxy} is ready`]);
	const wrong = await of(fleets.wrongKey);
	assert.match(wrong.message, /2 of 2 hosts answer; the sidecar .* refuses the key \(401\)/);
	const gone = await of(fleets.gone);
	assert.deepEqual([wrong.status, gone.status], ['Error', 'Error']);
	assert.match(gone.message, /the sidecar .* does not answer/);
});

when('a sidecar that refuses the key, or is not there, leaves the answer to n8n, with a word about it', async () => {
	const { text, engine } = await ask(flows.keyless);
	assert.deepEqual([text, engine], ['Hello there', 'native']);
	assert.match(
		hintsOf(await ran(flows.keyless, 'Ask')),
		/refuses the key of the credential \(401\): the native engine/,
	);
	const forced = await ask(flows.forced);
	assert.equal(forced.code, 'sidecar_away');
	assert.match(forced.hint, /Auto/);
});

when('a sidecar that dies is passed over, and comes back', async () => {
	await live.stop();
	const { text, engine } = await ask(flows.plain);
	assert.deepEqual([text, engine], ['Hello there', 'native']);
	const hints = hintsOf(await ran(flows.plain, 'Ask'));
	assert.match(hints, /the sidecar http:\/\/\S+ does not answer .*: the native engine decided in n8n/);
	live = await sidecarOf({ pc: hosts.pc.url });
	// A lost one is tried again after half a minute.
	await until('the sidecar to be used again', async () => (await ask(flows.plain)).engine === 'sidecar', {
		deadlineMs: 60_000,
		everyMs: 1_000,
	});
});
