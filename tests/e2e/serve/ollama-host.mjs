// A host that answers as Ollama does where a test needs it, and keeps what it was asked.
import { serving } from '../../world/server.mjs';

/** Starts one with these models by name; `tag` adds fields to each entry of its list. */
export async function ollamaHost(names, tag = {}) {
	const models = new Set(names);
	const asked = [];
	const host = { models, asked, busy: false };
	const entry = (name) => ({
		name,
		model: name,
		size: 1e9,
		digest: 'd'.repeat(64),
		modified_at: '2026-01-01T00:00:00Z',
		...tag,
	});
	const named = (body) => {
		const name = (body.model || body.name || '')
			.trim()
			.toLowerCase()
			.replace(/:local$/, '')
			.replace(/^registry\.ollama\.ai\//, '')
			.replace(/^library\//, '');
		return name.includes(':') ? name : `${name}:latest`;
	};
	const answers = {
		'/api/version': () => ({ version: '0.24.0' }),
		'/api/tags': () => ({ models: [...models].map(entry) }),
		'/api/ps': () => ({ models: [] }),
		'/api/show': (body) =>
			models.has(named(body)) && {
				capabilities: ['completion', 'tools', 'embedding'],
				details: {},
				model_info: { 'general.architecture': 'llama', 'llama.context_length': 8192 },
			},
		'/api/pull': () => ({ status: 'success' }),
		'/api/generate': (body) =>
			models.has(named(body)) && {
				model: body.model,
				response: '',
				done: true,
				done_reason: body.keep_alive === 0 ? 'unload' : 'load',
			},
		'/api/chat': (body) =>
			models.has(named(body)) && {
				model: body.model,
				message: { role: 'assistant', content: 'Hi' },
				done: true,
				done_reason: 'stop',
				eval_count: 1,
			},
	};
	const { url, close } = await serving(async (incoming, outgoing) => {
		const [path] = incoming.url.split('?');
		let text = '';
		for await (const part of incoming) text += part;
		const keys = Object.entries(text ? JSON.parse(text) : {});
		const body = Object.fromEntries(keys.map(([key, value]) => [key.toLowerCase(), value]));
		if (incoming.method === 'POST') asked.push({ path, body, text });
		const reply = (status, value) =>
			outgoing.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(value)}\n`);
		if (host.busy && path === '/api/chat')
			return reply(503, { error: 'server busy, please try again.  maximum pending requests exceeded' });
		const answer = answers[path]?.(body);
		return answer ? reply(200, answer) : reply(404, { error: `model '${body.model}' not found` });
	});
	const of = (path) => asked.filter((request) => request.path === path);
	return Object.assign(host, { url, of, stop: close });
}
