// A host with one model, `m`, of which a test says what it answers to everything else than a look.
import { serving } from '../../world/server.mjs';

const model = {
	name: 'm:latest',
	model: 'm:latest',
	size: 1e9,
	digest: 'd'.repeat(64),
	modified_at: '2026-01-01T00:00:00Z',
	details: { family: 'llama', parameter_size: '1B', quantization_level: 'Q4_0' },
};

/**
 * Starts one. `answer` takes the request, whose body is still to be read, and the response. `loaded`: the model is in
 * memory; `show` adds to what `/api/show` says of it.
 */
export async function scriptedHost(answer, { loaded = false, show = {} } = {}) {
	const resident = { ...model, size_vram: 0, context_length: 4096, expires_at: '2099-01-01T00:00:00Z' };
	const lists = {
		'/api/version': { version: '0.24.0' },
		'/api/tags': { models: [model] },
		'/api/ps': { models: loaded ? [resident] : [] },
		'/api/show': { capabilities: ['completion'], details: {}, model_info: {}, ...show },
	};
	return await serving((incoming, outgoing) => {
		if (incoming.url === '/metrics') return outgoing.writeHead(404).end();
		if (!lists[incoming.url]) return answer(incoming, outgoing);
		incoming.resume();
		outgoing.setHeader('content-type', 'application/json');
		return outgoing.end(JSON.stringify(lists[incoming.url]));
	});
}
