// Workflows with sub-nodes: a webhook, a root node, and what hangs on it; called from outside, and read afterwards.
import { until } from '../bed/index.mjs';
import { unflattened } from './workbench.mjs';

export const CHAT_MODEL = 'n8n-nodes-smart-ai.smartAiChatModel';
export const EMBEDDINGS = 'n8n-nodes-smart-ai.smartAiEmbeddings';
const LANGCHAIN = '@n8n/n8n-nodes-langchain';

/**
 * A node; `more` may hold credentials, and `sub` the kind of connection by which it hangs on the root node, or on the
 * one named `of`.
 */
export const node = (name, type, typeVersion, parameters = {}, more = {}) => ({
	name,
	type,
	typeVersion,
	parameters,
	...more,
});

export const agent = (parameters = {}) =>
	node('Agent', `${LANGCHAIN}.agent`, 3.1, {
		promptType: 'define',
		text: '={{ $json.body.question }}',
		options: {},
		...parameters,
	});

export const calculator = () => node('Calculator', `${LANGCHAIN}.toolCalculator`, 1, {}, { sub: 'ai_tool' });

/** A Smart AI Chat Model; `index` 1 is the root node's fallback. */
export const chatModel = (fleet, parameters = {}, { name = 'Model', index = 0 } = {}) =>
	node(name, CHAT_MODEL, 1, parameters, {
		sub: 'ai_languageModel',
		index,
		credentials: { smartAiFleetApi: { id: fleet.id, name: fleet.name } },
	});

/** A workflow: a webhook under `id`, then each of `roots` in a row; `subs` hang on the last root. */
export function cluster({ id, responseMode = 'lastNode', webhook: given = {}, roots, subs }) {
	const webhook = node('Webhook', 'n8n-nodes-base.webhook', 2.1, {
		httpMethod: 'POST',
		path: id,
		responseMode,
		options: {},
		...given,
	});
	const all = [webhook, ...roots, ...subs];
	const root = roots.at(-1).name;
	const connections = {};
	for (const [at, { name }] of [webhook, ...roots].slice(0, -1).entries()) {
		connections[name] = { main: [[{ node: roots[at].name, type: 'main', index: 0 }]] };
	}
	for (const { name, sub, of = root, index = 0 } of subs) {
		connections[name] = { [sub]: [[{ node: of, type: sub, index }]] };
	}
	const nodes = all.map(({ sub, of, index, ...rest }, at) => ({
		id: `${id}-${at}`,
		webhookId: id,
		position: [220 * at, sub ? 220 : 0],
		...rest,
	}));
	return { id, name: id, active: false, settings: { executionOrder: 'v1' }, nodes, connections };
}

/** Makes a workflow's webhook live, and waits until it is. */
export async function activate(session, { id }) {
	const { versionId } = await session.workflow(id);
	await session.call('POST', `/rest/workflows/${id}/activate`, { versionId });
}

/** Calls a workflow's webhook with this body, by `send`. A webhook is live a moment after its workflow is. */
export const call = (server, { id }, body, { signal, send = fetch } = {}) =>
	until(`webhook ${id}`, async () => {
		const response = await send(`${server.url}/webhook/${id}`, {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body: JSON.stringify(body),
			signal,
		});
		if (response.status !== 404) return response;
		await response.text();
		return null;
	});

/**
 * The lines of a streamed answer, up to its last, or to an `error`: after one, n8n leaves the response open. `seen` is
 * called with each as it comes.
 */
export async function streamed(response, seen = () => {}) {
	const lines = [];
	let rest = '';
	const decoder = new TextDecoder();
	for await (const bytes of response.body) {
		rest += decoder.decode(bytes, { stream: true });
		const whole = rest.split('\n');
		rest = whole.pop();
		for (const text of whole.filter(Boolean)) {
			lines.push(JSON.parse(text));
			seen(lines.at(-1));
		}
		if (lines.at(-1)?.type === 'error') break;
	}
	return lines;
}

/** All text of a streamed answer. */
export const textOf = (lines) =>
	lines
		.filter(({ type }) => type === 'item')
		.map(({ content }) => content)
		.join('');

/** The latest execution of a workflow, once it has ended: `{ status, error, runs }`, `runs` by the name of a node. */
export async function latest(session, { id }) {
	const { results } = await until(`execution of ${id}`, async () => {
		const filter = encodeURIComponent(JSON.stringify({ workflowId: id }));
		const found = await session.call('GET', `/rest/executions?filter=${filter}&limit=1`);
		return found.results.length > 0 ? found : null;
	});
	const execution = await session.ended(results[0].id);
	const { resultData } = unflattened(execution.data);
	return { status: execution.status, error: resultData.error, runs: resultData.runData };
}
