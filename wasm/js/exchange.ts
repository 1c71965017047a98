import type { Endpoint, Outgoing, Reply } from './generated/core.js';
import type { Hands, HttpRequest } from './transport.js';

/** What core wants sent to a server. */
export function requestOf(
	endpoint: Endpoint,
	{ path, body, streams }: Outgoing,
	rest: Pick<HttpRequest, 'signal' | 'connectTimeoutMs'>,
): HttpRequest {
	const url = endpoint.url + path;
	const server = {
		...rest,
		stream: streams,
		...(endpoint.ca == null ? {} : { ca: endpoint.ca }),
		...(endpoint.client_cert == null ? {} : { cert: endpoint.client_cert }),
		...(endpoint.client_key == null ? {} : { key: endpoint.client_key }),
	};
	if (body === null) return { method: 'GET', url, headers: { ...endpoint.headers }, ...server };
	const headers = { ...endpoint.headers, 'content-type': body.content_type };
	return { method: 'POST', url, headers, body: body.text, ...server };
}

/** One short exchange, bounded in milliseconds and in bytes of its answer. Never throws. */
export async function look(
	hands: Hands,
	request: Omit<HttpRequest, 'signal'>,
	withinMs: number,
	bodyMax: number,
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
		return await Promise.race([exchange(hands, { ...request, signal: connection.signal }, bodyMax), late]);
	} finally {
		done = true;
		closing.removeEventListener('abort', end);
		waiting.abort();
	}
}

async function exchange(hands: Hands, request: HttpRequest, bodyMax: number): Promise<Reply> {
	try {
		const response = await hands.transport.request(request);
		const body = await textOf(response.body, bodyMax);
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
async function textOf(body: AsyncIterable<Uint8Array>, bodyMax: number): Promise<string> {
	const decoder = new TextDecoder();
	let text = '';
	let bytes = 0;
	for await (const chunk of body) {
		bytes += chunk.length;
		if (bytes > bodyMax) throw new Error(`the answer is larger than ${bodyMax} bytes`);
		text += decoder.decode(chunk, { stream: true });
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
