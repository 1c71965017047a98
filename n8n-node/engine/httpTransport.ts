import type { IHttpRequestOptions, IN8nHttpFullResponse } from 'n8n-workflow';

import type { HttpRequest, Transport } from '../../wasm/dist/types/inline';
import { onEitherLoopback } from './loopback';

export type N8nHttpRequest = (options: IHttpRequestOptions) => Promise<unknown>;

/** Longest exchange n8n's client may keep open; deadlines and stalls are the dispatcher's to judge. */
const EXCHANGE_MS = 24 * 60 * 60 * 1000;

/**
 * Moves the dispatcher's bytes through n8n's own HTTP client, so that its proxy and SSRF rules hold. Its helper that
 * adds the keys of a credential by itself is of no use here: in place of our signal, which ends one call, it sets that
 * of an execution, and an engine serves many.
 */
export function httpTransport(send: N8nHttpRequest, now: () => number = () => performance.now()): Transport {
	const httpRequest = onEitherLoopback(send);
	/** When each server last answered anything. */
	const heardAt = new Map<string, number>();

	/**
	 * n8n's client has no time-out for the connection alone, and one for the whole would cut a load short. So a server
	 * that has been silent for longer than a connection may take is asked for its version before it is called.
	 */
	async function reach(request: HttpRequest): Promise<void> {
		const { url, headers, signal, connectTimeoutMs } = request;
		const server = serverOf(url);
		const heard = heardAt.get(server);
		if (heard !== undefined && now() - heard < connectTimeoutMs) return;
		try {
			await httpRequest({
				method: 'GET',
				url: `${server}/api/version`,
				headers,
				encoding: 'text',
				returnFullResponse: true,
				ignoreHttpStatusErrors: true,
				timeout: connectTimeoutMs,
				abortSignal: signal,
				...guarded(request),
			});
		} catch (error) {
			throw unreached(error, connectTimeoutMs);
		}
	}

	return {
		async request(request) {
			const { method, url, headers, body, signal } = request;
			if (request.stream) await reach(request);
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
				...guarded(request),
			})) as IN8nHttpFullResponse;
			heardAt.set(serverOf(url), now());
			return {
				status: response.statusCode,
				headers: flatHeaders(response.headers),
				body: response.body as AsyncIterable<Uint8Array>,
			};
		},
	};
}

/** No redirect is followed, so that keys stay where they belong; and whose certificate is accepted. */
function guarded({ ca, cert, key }: HttpRequest): Pick<IHttpRequestOptions, 'disableFollowRedirect' | 'agentOptions'> {
	const own = { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert, key }) };
	return { disableFollowRedirect: true, ...(Object.keys(own).length === 0 ? {} : { agentOptions: own }) };
}

/** Why no connection came about; n8n's client calls a time-out by a name of its own. */
function unreached(error: unknown, connectTimeoutMs: number): unknown {
	if ((error as { code?: unknown }).code !== 'ECONNABORTED') return error;
	const late = new Error(`no connection within ${connectTimeoutMs} ms`);
	return Object.assign(late, { code: 'ETIMEDOUT' });
}

/** What stands before the path of Ollama's API. */
function serverOf(url: string): string {
	return url.slice(0, url.lastIndexOf('/api/'));
}

function flatHeaders(headers: Record<string, unknown>): Record<string, string> {
	return Object.fromEntries(
		Object.entries(headers).map(([name, value]) => [name.toLowerCase(), [value].flat().join(', ')]),
	);
}
