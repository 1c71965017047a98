// A scripted Ollama: each path answers what the test says. Listens on a free loopback port.
import { serving } from './server.mjs';

/**
 * `chat` answers /api/chat; `status` refuses a path; `page` answers every path with this text; `location` redirects
 * every path there; `context` is what the models were trained for, `abilities` what each can do beyond text.
 */
export async function ollama({
	models = ['phi3:mini'],
	chat,
	status = {},
	page,
	location,
	context = 4096,
	abilities = {},
} = {}) {
	const requests = [];
	const server = await serving(async (request, response) => {
		let text = '';
		for await (const chunk of request) text += chunk;
		if (location !== undefined) return response.writeHead(302, { location }).end();
		if (page !== undefined) return response.writeHead(200, { 'content-type': 'text/html' }).end(page);
		requests.push({ path: request.url, headers: request.headers, body: text && JSON.parse(text) });
		const code = status[request.url];
		if (code) return response.writeHead(code).end(JSON.stringify({ error: 'as the test says' }));
		if (request.url === '/api/chat') return chat ? chat(request, response) : lines(response, ['Hello', ' there']);
		response.setHeader('content-type', 'application/json');
		const { model, input } = requests.at(-1).body || {};
		const capabilities = abilities[model] ?? ['completion'];
		response.end(JSON.stringify(reply(request.url, models, { context, capabilities, texts: [input].flat() })));
	});
	return { ...server, requests };
}

/** A whole streamed answer. */
export function lines(response, texts) {
	for (const content of texts) response.write(line({ message: { role: 'assistant', content }, done: false }));
	response.end(
		line({
			message: { role: 'assistant', content: '' },
			done: true,
			done_reason: 'stop',
			prompt_eval_count: 3,
			eval_count: texts.length,
		}),
	);
}

export const line = (value) => `${JSON.stringify({ model: 'm', ...value })}\n`;

function reply(path, models, { context, capabilities, texts }) {
	if (path === '/api/version') return { version: '0.24.0' };
	if (path === '/api/tags')
		return {
			models: models.map((name) => ({
				name,
				model: name,
				size: 2e9,
				digest: name,
				details: { family: 'llama', parameter_size: '3B' },
			})),
		};
	if (path === '/api/ps') return { models: [] };
	if (path === '/api/embed') return { model: 'm', embeddings: texts.map(() => [1, 0.5]), prompt_eval_count: 2 };
	return {
		capabilities,
		model_info: { 'general.architecture': 'llama', 'llama.context_length': context },
		details: {},
	};
}
