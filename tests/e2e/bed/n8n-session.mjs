// A logged-in session of an n8n server: its REST interface as its own editor uses it.
import { until } from './process.mjs';

/** The owner account of every test instance. */
export const OWNER = Object.freeze({
	email: 'owner@example.com',
	firstName: 'Test',
	lastName: 'Owner',
	password: 'Passw0rd123',
});

/** Sets up the owner (or logs in where that is done) and returns the session. */
export async function openSession(url) {
	// The server says it is ready a little before its REST routes answer.
	const response = await until('n8n REST', async () => {
		const answer = await fetch(`${url}/rest/owner/setup`, json('POST', OWNER));
		if (answer.status === 404 || answer.status === 503) return null;
		return answer.ok
			? answer
			: fetch(`${url}/rest/login`, json('POST', { emailOrLdapLoginId: OWNER.email, password: OWNER.password }));
	});
	if (!response.ok) throw new Error(`n8n log-in: ${response.status} ${await response.text()}`);
	const cookie = response.headers
		.getSetCookie()
		.map((line) => line.split(';')[0])
		.join('; ');

	async function call(method, path, body) {
		const answer = await fetch(`${url}${path}`, json(method, body, { cookie }));
		const text = await answer.text();
		if (!answer.ok) throw new Error(`n8n ${method} ${path}: ${answer.status} ${text}`);
		const parsed = JSON.parse(text);
		return path.startsWith('/rest/') && parsed.data !== undefined ? parsed.data : parsed;
	}

	return {
		call,
		/** Runs a credential's own test: `{ status: "OK" | "Error", message }`. */
		testCredential: (credentials) => call('POST', '/rest/credentials/test', { credentials }),
		/** The choices a node's parameter offers (its loadOptions method). */
		options: (request) => call('POST', '/rest/dynamic-node-parameters/options', request),
		/** Every node type the server knows. */
		nodeTypes: () => call('GET', '/types/nodes.json'),
		workflow: (id) => call('GET', `/rest/workflows/${id}`),
		execution: (id) => call('GET', `/rest/executions/${id}`),
		executions: () => call('GET', '/rest/executions'),
		stopExecution: (id) => call('POST', `/rest/executions/${id}/stop`, {}),
		/** Starts a workflow as the editor's button does; returns `{ executionId }`. */
		async run(id, triggerName) {
			const workflowData = await call('GET', `/rest/workflows/${id}`);
			return call('POST', `/rest/workflows/${id}/run`, { workflowData, triggerToStartFrom: { name: triggerName } });
		},
		/** Waits until an execution has ended, and returns it. */
		ended: (id, deadlineMs = 120_000) =>
			until(
				`n8n execution ${id}`,
				async () => {
					const execution = await call('GET', `/rest/executions/${id}`);
					return ['new', 'running', 'waiting'].includes(execution.status) ? null : execution;
				},
				{ deadlineMs, everyMs: 200 },
			),
	};
}

function json(method, body, headers = {}) {
	const init = {
		method,
		headers: { 'content-type': 'application/json', ...headers },
		signal: AbortSignal.timeout(60_000),
	};
	if (body !== undefined) init.body = JSON.stringify(body);
	return init;
}
