// What a conversation gains from staying where it was read: two real Ollama servers, in turns by round robin and by
// Smart AI.
// `node bench/run.mjs conversations`
import { need } from '../tests/e2e/bed/index.mjs';
import { median, uniform } from './statistics.mjs';
import { table } from './table.mjs';

export const title = 'Conversations on two servers';
export const about =
	'Two real Ollama servers with SmolLM2-135M in two slots each. Four conversations at a time, each about a ' +
	'document of its own of some 400 tokens, take four turns; who asks next is drawn. ' +
	'In blocks by turns: round robin, as a load balancer does, and Smart AI. Later turns only: how long until the ' +
	'first piece of the answer, and which share of them met a server that had read the conversation so far.';

const BLOCKS = 3;
const CONVERSATIONS = 4;
const TURNS = 4;
const options = { temperature: 0, num_thread: 1 };
const MAX_TOKENS = 12;

function documentOf(draw) {
	const facts = Array.from(
		{ length: 24 },
		(_, fact) => `Fact ${fact}: stone ${Math.floor(draw() * 900)} lies on stone ${Math.floor(draw() * 900)}.`,
	);
	return `${facts.join(' ')} Which stone lies on top?`;
}

/** Turns of several conversations in one drawn order; each keeps its own. */
function* turnsOf(conversations, draw) {
	const left = conversations.flatMap((_, index) => Array(TURNS).fill(index));
	while (left.length > 0) yield conversations[left.splice(Math.floor(draw() * left.length), 1)[0]];
}

async function directly(host, model, messages) {
	const began = performance.now();
	const body = JSON.stringify({ model, messages, options: { ...options, num_predict: MAX_TOKENS }, stream: true });
	const response = await fetch(`${host.url}/api/chat`, { method: 'POST', body });
	let first_ms = 0,
		text = '',
		rest = '';
	for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
		const lines = (rest + chunk).split('\n');
		rest = lines.pop();
		for (const line of lines.filter(Boolean)) {
			const { message, error } = JSON.parse(line);
			if (error) throw new Error(error);
			first_ms ||= performance.now() - began;
			text += message.content;
		}
	}
	return { host: host.url, first_ms, text };
}

async function dispatched(ai, messages) {
	const began = performance.now();
	let first_ms = 0;
	const answer = await ai.ask(
		{ messages, task: 'chat', max_tokens: MAX_TOKENS, options },
		{ onText: () => (first_ms ||= performance.now() - began) },
	);
	if (!answer.ok) throw new Error(answer.error.message);
	return { host: answer.host, first_ms, text: answer.text };
}

/** One block: every turn of every conversation. Later turns go to `seen`. */
async function block(ask, draw, seen) {
	const conversations = Array.from({ length: CONVERSATIONS }, () => ({
		messages: [{ role: 'user', content: documentOf(draw) }],
		hosts: [],
	}));
	for (const conversation of turnsOf(conversations, draw)) {
		const { host, first_ms, text } = await ask(conversation.messages);
		if (conversation.hosts.length > 0) seen.push({ first_ms, known: conversation.hosts.at(-1) === host });
		conversation.hosts.push(host);
		conversation.messages.push(
			{ role: 'assistant', content: text },
			{ role: 'user', content: 'And which one lies below it?' },
		);
	}
}

export async function run() {
	const ollama = await need('ollama');
	const { folder, tags } = await (await need('models')).install();
	const { createDispatcher } = await import('../node-addon/dist/index.mjs');
	const hosts = [];
	for (let count = 0; count < 2; count += 1)
		hosts.push(await ollama.start({ models: folder, maxLoaded: 1, numParallel: 2 }));
	const ai = createDispatcher({ hosts: hosts.map(({ url }) => ({ url, parallel: 2 })), models: [tags.smollm2] });
	let turn = 0;
	const contenders = {
		'round robin': (messages) => directly(hosts[turn++ % hosts.length], tags.smollm2, messages),
		'Smart AI': (messages) => dispatched(ai, messages),
	};
	try {
		for (const host of hosts) await directly(host, tags.smollm2, [{ role: 'user', content: 'Hello' }]);
		const seen = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
		for (let count = 1; count <= BLOCKS; count += 1) {
			for (const [name, ask] of Object.entries(contenders))
				await block(ask, uniform(1000 * count + name.length), seen[name]);
			console.error(`block ${count} of ${BLOCKS}`);
		}
		const base = median(seen['round robin'].map(({ first_ms }) => first_ms));
		const rows = Object.entries(seen).map(([name, turns]) => ({
			name,
			turns,
			p50: median(turns.map(({ first_ms }) => first_ms)),
		}));
		return table(
			[
				['contender', 'name'],
				['later turns', ({ turns }) => turns.length],
				['first piece p50, ms', ({ p50 }) => p50.toFixed(0)],
				['against round robin', ({ p50 }) => `${((p50 / base - 1) * 100).toFixed(0)} %`],
				[
					'first piece, mean ms',
					({ turns }) => (turns.reduce((sum, { first_ms }) => sum + first_ms, 0) / turns.length).toFixed(0),
				],
				[
					'on the server of the turn before',
					({ turns }) => `${((turns.filter(({ known }) => known).length / turns.length) * 100).toFixed(0)} %`,
				],
			],
			rows,
		);
	} finally {
		ai.close();
		await Promise.all(hosts.map((host) => host.stop()));
	}
}
