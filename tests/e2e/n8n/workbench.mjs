// Small workflows around one Smart AI node, run in one real n8n server through the session of its editor.
import { fileURLToPath } from 'node:url';

export const PACKAGE = fileURLToPath(new URL('../../../n8n-node', import.meta.url));
/** The npm package with the native engine, which users install beside ours. */
export const ADDON = fileURLToPath(new URL('../../../node-addon', import.meta.url));
export const NODE = 'n8n-nodes-smart-ai.smartAi';
const TRIGGER = 'Go';

/** Parameters of the node that a case does not set. */
const PLAIN = {
	prompt: 'Say hello.',
	task: 'general',
	mode: 'fast',
	deadline: 0,
	model: { __rl: true, mode: 'id', value: '' },
};

/**
 * A trigger and one Smart AI node. `fleet` and `metrics` are credentials made by `credential`; `goOn` is what n8n does
 * after an error: `true` for the regular output, or its own word.
 */
export function workflow({ id, version = 1, parameters = {}, options = {}, fleet, metrics, goOn = false }) {
	const given = ({ id: credential, name }) => ({ id: credential, name });
	const node = {
		id: 'ask',
		name: 'Ask',
		type: NODE,
		typeVersion: version,
		position: [240, 0],
		parameters: { ...PLAIN, ...parameters, options: { decision: 'full', ...options } },
		credentials: { smartAiFleetApi: given(fleet), ...(metrics ? { smartAiPrometheusApi: given(metrics) } : {}) },
		...(goOn ? { onError: goOn === true ? 'continueRegularOutput' : goOn } : {}),
	};
	const trigger = {
		id: 'go',
		name: TRIGGER,
		type: 'n8n-nodes-base.manualTrigger',
		typeVersion: 1,
		position: [0, 0],
		parameters: {},
	};
	const connections = { [TRIGGER]: { main: [[{ node: 'Ask', type: 'main', index: 0 }]] } };
	return { id, name: id, active: false, settings: {}, nodes: [trigger, node], connections };
}

let credentials = 0;

/** A credential of the package, with an id of its own. */
export function credential(type, name, data) {
	credentials += 1;
	return { id: `smartai${String(credentials).padStart(9, '0')}`, name, type, data };
}

/** A fleet credential of these hosts: `{ name: url }`. */
export const fleetOf = (name, hosts, data = {}) =>
	credential('smartAiFleetApi', name, {
		hosts: { host: Object.entries(hosts).map(([host, url]) => ({ name: host, url })) },
		...data,
	});

/** Starts n8n with the built package, the native engine beside it. */
export async function startServer(n8n, { credentials, workflows, packages = [PACKAGE, ADDON] }) {
	const instance = await n8n.start({ packages, credentials, workflows });
	const server = await instance.server();
	return { server, session: await server.session() };
}

/** Begins a workflow; returns the execution's id. */
export const begin = async (session, id) => (await session.run(id, TRIGGER)).executionId;

/** Runs a workflow to its end: `{ status, item, failed, error }`; `failed` is the item of the node's error output. */
export async function outcome(session, id) {
	return read(await session.ended(await begin(session, id)));
}

/** What an execution came to. */
export function read(execution) {
	const { resultData } = unflattened(execution.data);
	const [item, failed] = (resultData.runData.Ask?.[0]?.data?.main ?? []).map((items) => items?.[0]?.json);
	return { status: execution.status, item, failed, error: resultData.error };
}

/** n8n hands out run data as one list in which a string in a value is the place of the value it stands for. */
export function unflattened(text) {
	const list = JSON.parse(text);
	const known = new Map();
	const at = (place) => {
		const value = list[place];
		if (value === null || typeof value !== 'object') return value;
		if (known.has(place)) return known.get(place);
		const made = Array.isArray(value) ? [] : {};
		known.set(place, made);
		for (const [key, inner] of Object.entries(value)) made[key] = typeof inner === 'string' ? at(inner) : inner;
		return made;
	};
	return at(0);
}
