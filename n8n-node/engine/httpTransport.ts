import type { IHttpRequestOptions, IN8nHttpFullResponse } from 'n8n-workflow';

export type N8nHttpRequest = (options: IHttpRequestOptions) => Promise<unknown>;

/** One request of the dispatcher; the shape that the WebAssembly driver asks of a transport. */
export interface HttpRequest {
	method: 'GET' | 'POST';
	url: string;
	headers: Record<string, string>;
	body?: string;
	signal: AbortSignal;
}

export interface HttpResponse {
	status: number;
	headers: Record<string, string>;
	body: AsyncIterable<Uint8Array>;
}

/** Longest exchange n8n's client may keep open; deadlines and stalls are the dispatcher's to judge. */
const EXCHANGE_MS = 24 * 60 * 60 * 1000;

/** Moves the dispatcher's bytes through n8n's own HTTP client, so that its proxy and SSRF rules hold. */
export function httpTransport(httpRequest: N8nHttpRequest): {
	request(request: HttpRequest): Promise<HttpResponse>;
} {
	return {
		async request({ method, url, headers, body, signal }) {
			const response = (await httpRequest({
				method,
				url,
				headers,
				...(body === undefined ? {} : { body }),
				encoding: 'stream',
				returnFullResponse: true,
				ignoreHttpStatusErrors: true,
				timeout: EXCHANGE_MS,
				abortSignal: signal,
			})) as IN8nHttpFullResponse;
			return {
				status: response.statusCode,
				headers: flatHeaders(response.headers),
				body: response.body as AsyncIterable<Uint8Array>,
			};
		},
	};
}

function flatHeaders(headers: Record<string, unknown>): Record<string, string> {
	return Object.fromEntries(
		Object.entries(headers).map(([name, value]) => [name.toLowerCase(), [value].flat().join(', ')]),
	);
}
