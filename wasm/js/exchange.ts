import type { Endpoint, Reply } from './generated/core.js';
import type { Hands, HttpRequest } from './transport.js';

/** Characters a reply may have; a longer one is cut, and then read as what it is: broken. */
const BODY_MAX = 64 * 1024 * 1024;

/** The request of one path of a server. */
export function requestOf(
	endpoint: Endpoint,
	path: string,
	content: { type: string; body: string } | undefined,
	rest: Pick<HttpRequest, 'signal' | 'stream' | 'connectTimeoutMs'>,
): HttpRequest {
	const url = endpoint.url + path;
	const server = {
		...rest,
		...(endpoint.ca == null ? {} : { ca: endpoint.ca }),
		...(endpoint.client_cert == null ? {} : { cert: endpoint.client_cert }),
		...(endpoint.client_key == null ? {} : { key: endpoint.client_key }),
	};
	if (content === undefined) return { method: 'GET', url, headers: { ...endpoint.headers }, ...server };
	const headers = { ...endpoint.headers, 'content-type': content.type };
	return { method: 'POST', url, headers, body: content.body, ...server };
}

/** One short exchange, ended within a bound of milliseconds. Never throws. */
export async function look(
	hands: Hands,
	request: Omit<HttpRequest, 'signal'>,
	withinMs: number,
	closing: AbortSignal,
): Promise<Reply> {
	const connection = new AbortController();
	const waiting = new AbortController();
	const end = () => {
		connection.abort();
		waiting.abort();
	};
	closing.addEventListener('abort', end);
	let done = false;
	const given = () => {
		if (!done) connection.abort();
		return lost({ code: 'ETIMEDOUT', message: `no answer within ${withinMs} ms` });
	};
	try {
		const late = hands.sleep(withinMs, waiting.signal).then(given, given);
		return await Promise.race([exchange(hands, { ...request, signal: connection.signal }), late]);
	} finally {
		done = true;
		closing.removeEventListener('abort', end);
		waiting.abort();
	}
}

async function exchange(hands: Hands, request: HttpRequest): Promise<Reply> {
	try {
		const response = await hands.transport.request(request);
		const body = await textOf(response.body);
		return {
			type: 'answered',
			status: response.status,
			body,
			retry_after: response.headers['retry-after'] ?? null,
			location: response.headers.location ?? null,
			date: response.headers.date ?? null,
		};
	} catch (error) {
		return lost(error);
	}
}

/** The whole body as text. */
export async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
	const decoder = new TextDecoder();
	let text = '';
	for await (const chunk of body) {
		text += decoder.decode(chunk, { stream: true });
		if (text.length > BODY_MAX) break;
	}
	return text + decoder.decode();
}

/** What an error of the transport tells. */
export function lost(error: unknown): { type: 'lost'; code: string | null; message: string } {
	const outer = error as { code?: unknown; message?: unknown; cause?: { code?: unknown; message?: unknown } };
	const code = outer?.cause?.code ?? outer?.code;
	const message = outer?.cause?.message ?? outer?.message ?? error;
	return { type: 'lost', code: typeof code === 'string' ? code : null, message: String(message) };
}
