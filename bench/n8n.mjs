// Beside n8n's own Ollama nodes, in the same n8n, on hosts with the same fault.
import { once } from 'node:events';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { need, stopAll } from '../tests/e2e/bed/index.mjs';
import { activate, agent, calculator, call, chatModel, cluster, node } from '../tests/e2e/n8n/cluster.mjs';
import { credential, fleetOf, NODE, startServer } from '../tests/e2e/n8n/workbench.mjs';
import { build, startHost } from '../tests/e2e/serve/sidecar.mjs';
import { line, lines, ollama } from '../tests/world/ollama.mjs';
import { mean, quantile } from './statistics.mjs';
import { table } from './table.mjs';

const LANGCHAIN = '@n8n/n8n-nodes-langchain';
const MODEL = 'm:latest';
const CALLS = 6;
const AT_ONCE = 2;
const ITEMS = 50;
/** Callers wait so long. */
const PATIENCE_S = 30;
/** Writes for six minutes. */
const SLOW = { decode_tok_per_s: 10, output_tokens: 3600 };
const LONG = { name: 'a generation of 6 minutes', calls: 1, patience: 900 };
const SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };

export const title = "Beside n8n's own Ollama nodes";
export const about = `The same prompts in one real n8n 2.41.1, each node on two hosts of its own: \`pc\`, the
first one, and \`nas\`, which is well and has the model in memory. n8n's nodes know one host, so they are given
\`pc\`. Simulated hosts write 100 tokens a second and answers of 40 tokens. Each row: ${CALLS} calls by webhook,
${AT_ONCE} at a time; callers give up after ${PATIENCE_S} s. *Silent*: the host takes calls and says nothing. In
the row of ${ITEMS} items they are in one call, and the time is the whole call's. The generation of 6 minutes is
one call on hosts that write 10 tokens a second; its caller waits for ${LONG.patience / 60} minutes. A schema is
asked for in the way each node offers (scripted hosts obey Ollama's \`format\`); an answer counts that follows it.
With tools, the model calls the calculator once.`;

const fast = { name: MODEL, size_gb: 2, memory_gb: 2, decode_tok_per_s: 100, output_tokens: 40, load_s: 0.2 };
const rowsOf = (program) => [
	{ name: 'all is well', hosts: () => pair(program) },
	{ name: 'the host is cold (8 s to load)', hosts: () => pair(program, { load_s: 8 }, { cold: true }) },
	{ name: 'the host is dead', hosts: () => pair(program, {}, { fault: { kind: 'down' } }) },
	{ name: 'the host is silent', hosts: () => pair(program, {}, { fault: { kind: 'hang' } }) },
	{ name: `${ITEMS} items at once`, hosts: () => pair(program), items: ITEMS },
	{ ...LONG, hosts: () => pair(program, SLOW, { both: true }) },
	{ name: 'a schema', hosts: scripted, schema: true },
	{ name: 'tools', hosts: scripted, tools: true },
	{ name: 'tools, the host is dead', hosts: () => scripted({ dead: true }), tools: true },
];

/** Simulated hosts `pc` and `nas`; `of` changes the model on `pc`, or on `both`. */
async function pair(program, of = {}, { fault, cold = false, both = false } = {}) {
	const start = (more) => startHost(program, { memory_gb: 16, models: [{ ...fast, ...more }] });
	const [pc, nas] = [await start(of), await start(both ? of : {})];
	const warm = ({ url }) =>
		fetch(`${url}/api/generate`, { method: 'POST', body: JSON.stringify({ model: MODEL, stream: false }) });
	for (const host of cold ? [nas] : [pc, nas]) await (await warm(host)).text();
	if (fault) await pc.fault(fault);
	return { pc: pc.url, nas: nas.url };
}

/** Scripted hosts that obey a format, and call a tool that they are given once. */
async function scripted({ dead = false } = {}) {
	const start = async () => {
		const chat = (_, response) => reply(host.requests.at(-1).body, response);
		const host = await ollama({ models: [MODEL], abilities: { [MODEL]: ['completion', 'tools'] }, chat });
		scriptedHosts.push(host);
		return host;
	};
	const [pc, nas] = [await start(), await start()];
	if (dead) await scriptedHosts.splice(scriptedHosts.indexOf(pc), 1)[0].close();
	return { pc: pc.url, nas: nas.url };
}
const scriptedHosts = [];

function reply({ format, tools = [], messages }, response) {
	if (tools.length === 0 || messages.at(-1).role === 'tool') {
		lines(response, [format ? '{"city": "Graz"}' : 'The city is Graz.']);
		return;
	}
	const tool_calls = [{ function: { name: tools[0].function.name, arguments: { input: '6*7' } } }];
	response.end(line({ message: { role: 'assistant', content: '', tool_calls }, done: true, done_reason: 'stop' }));
}

const QUESTION = "={{ $json['body.items'] }}";
const chain = () => node('Ask', `${LANGCHAIN}.chainLlm`, 1.9, { promptType: 'define', text: QUESTION });
const tooled = () => agent({ text: QUESTION });
const named = ({ id, name }) => ({ id, name });
const model = { __rl: true, mode: 'id', value: MODEL };

/** The nodes of each contender on these hosts, for this row. */
const contenders = {
	"n8n's Ollama node": ({ tools, schema }, own) =>
		!tools && {
			roots: [
				node(
					'Ask',
					`${LANGCHAIN}.ollama`,
					1,
					{
						resource: 'text',
						operation: 'message',
						modelId: model,
						messages: { values: [{ content: QUESTION, role: 'user' }] },
						options: schema ? { format: 'json' } : {},
					},
					{ credentials: { ollamaApi: named(own) } },
				),
			],
			subs: [],
		},
	"n8n's Ollama chat model": ({ tools, schema }, own) => {
		const options = schema ? { format: 'json' } : {};
		const more = { sub: 'ai_languageModel', credentials: { ollamaApi: named(own) } };
		const sub = node('Model', `${LANGCHAIN}.lmChatOllama`, 1, { model: MODEL, options }, more);
		return tools ? { roots: [tooled()], subs: [sub, calculator()] } : { roots: [chain()], subs: [sub] };
	},
	'Smart AI': ({ tools, schema }, _, fleet) =>
		!tools && {
			roots: [
				node(
					'Ask',
					NODE,
					2,
					{
						resource: 'text',
						operation: 'generate',
						prompt: QUESTION,
						mode: 'fast',
						options: schema ? { schema: JSON.stringify(SCHEMA) } : {},
					},
					{ credentials: { smartAiFleetApi: named(fleet) } },
				),
			],
			subs: [],
		},
	'Smart AI Chat Model': ({ tools, schema }, _, fleet) => {
		const sub = chatModel(fleet, { mode: 'fast', options: schema ? { json: true } : {} });
		return tools ? { roots: [tooled()], subs: [sub, calculator()] } : { roots: [chain()], subs: [sub] };
	},
};

export async function run() {
	const n8n = await need('n8n');
	const program = build();
	const results = [];
	for (const row of rowsOf(program)) {
		results.push(await measured(n8n, row));
		console.error(JSON.stringify(results.at(-1)));
	}
	const told = (name) => (row) => row[name] ?? '–';
	return table([['', 'name'], ...Object.keys(contenders).map((name) => [name, told(name)])], results);
}

async function measured(n8n, row) {
	try {
		const flows = [];
		const credentials = [];
		for (const [name, of] of Object.entries(contenders)) {
			const hosts = await row.hosts();
			const own = credential('ollamaApi', `own ${name}`, { baseUrl: hosts.pc, apiKey: '' });
			const fleet = fleetOf(`fleet ${name}`, hosts);
			const nodes = of(row, own, fleet);
			if (!nodes) continue;
			const split = node('Split', 'n8n-nodes-base.splitOut', 1, { fieldToSplitOut: 'body.items', options: {} });
			const roots = nodes.roots.map((root) => ({ ...root, onError: 'continueRegularOutput' }));
			const webhook = { responseData: 'allEntries' };
			flows.push({
				...cluster({ id: `row${flows.length}`, webhook, roots: [split, ...roots], subs: nodes.subs }),
				name,
			});
			credentials.push(own, fleet);
		}
		const { server, session } = await startServer(n8n, { credentials, workflows: flows });
		for (const flow of flows) await activate(session, flow);
		const cells = await Promise.all(flows.map(async (flow) => [flow.name, await called(server, flow, row)]));
		return { name: row.name, ...Object.fromEntries(cells) };
	} finally {
		await stopAll();
		await Promise.all(scriptedHosts.splice(0).map((host) => host.close()));
	}
}

/** How many items were answered, and how long a call took on average and for 95 of 100. */
async function called(server, flow, { items = 1, calls = CALLS, patience = PATIENCE_S, schema = false }) {
	const wanted = items > 1 ? 1 : calls;
	const times = [];
	let [next, good] = [0, 0];
	const caller = async () => {
		while (next < wanted) {
			next += 1;
			const questions = Array.from({ length: items }, (_, at) => `Which city is number ${next * 1000 + at}?`);
			const start = performance.now();
			const told = await answered(server, flow, questions, { schema, patience });
			good += told;
			times.push((performance.now() - start) / 1000);
		}
	};
	await Promise.all(Array.from({ length: AT_ONCE }, caller));
	const time = wanted === 1 ? seconds(times[0]) : `${seconds(mean(times))}, p95 ${seconds(quantile(times, 0.95))}`;
	return `${good} of ${wanted * items}, ${time}`;
}

const seconds = (s) => `${s < 10 ? s.toFixed(1) : Math.round(s)} s`;

/** How many of these questions are answered before the caller gives up. */
async function answered(server, flow, questions, { schema, patience }) {
	const signal = AbortSignal.timeout(patience * 1000);
	try {
		const response = await call(server, flow, { items: questions }, { signal, send });
		const told = await response.json();
		if (!response.ok || !Array.isArray(told)) return 0;
		const texts = told.filter((item) => !item.error).map((item) => JSON.stringify(item));
		return texts.filter((text) => (schema ? /city\W+Graz/.test(text) : text.length > 10)).length;
	} catch {
		return 0;
	}
}

/** As `fetch`, which gives up where the first byte takes five minutes. */
async function send(url, { method, headers, body, signal }) {
	const sent = request(url, { method, headers, signal });
	sent.end(body);
	const [message] = await once(sent, 'response');
	return new Response(Readable.toWeb(message), { status: message.statusCode });
}
