import * as http from 'node:http';
import * as https from 'node:https';
import type { HttpRequest, HttpResponse, Transport } from './transport.js';

const plain = new http.Agent({ keepAlive: true });
const secure = new https.Agent({ keepAlive: true });
/** By the PEM texts that the server's certificate is checked against, and that are shown to it. */
const own = new Map<string, https.Agent>();

function secureAgent({ ca, cert, key }: HttpRequest): https.Agent {
	if (ca === undefined && cert === undefined) return secure;
	const name = JSON.stringify([ca, cert, key]);
	const agent = own.get(name) ?? new https.Agent({ keepAlive: true, ca, cert, key });
	own.set(name, agent);
	return agent;
}

/** Node's own HTTP client. Unlike `fetch`, it sets no bound of five minutes on a model's load. */
export const nodeTransport: Transport = { request };

function request(what: HttpRequest): Promise<HttpResponse> {
	return new Promise((resolve, reject) => {
		const url = new URL(what.url);
		const [client, agent] = url.protocol === 'https:' ? [https, secureAgent(what)] : [http, plain];
		const { method, headers, signal } = what;
		const outgoing = client.request(url, { method, headers, agent }, (response) => {
			// Whoever reads the body learns of it; a body that nobody reads any more may break unheard.
			response.on('error', ignore);
			// The connection may serve another request by now: aborting must not reach it.
			response.once('end', () => signal.removeEventListener('abort', abort));
			resolve({ status: response.statusCode ?? 0, headers: flat(response.headers), body: response });
		});
		const abort = () => outgoing.destroy(Object.assign(new Error('aborted'), { code: 'ABORT_ERR' }));
		if (signal.aborted) abort();
		signal.addEventListener('abort', abort);
		outgoing.once('close', () => signal.removeEventListener('abort', abort));
		outgoing.on('error', reject);
		outgoing.on('socket', (socket) => {
			// An aborted request leaves its socket without a listener for the error that ended it.
			if (!socket.listeners('error').includes(ignore)) socket.on('error', ignore);
			if (!socket.connecting) return;
			const late = () => {
				const error = new Error(`no connection within ${what.connectTimeoutMs} ms`);
				outgoing.destroy(Object.assign(error, { code: 'ETIMEDOUT' }));
			};
			const timer = setTimeout(late, what.connectTimeoutMs);
			const stop = () => clearTimeout(timer);
			socket.once('connect', stop);
			socket.once('close', stop);
		});
		outgoing.end(what.body);
	});
}

function flat(headers: http.IncomingHttpHeaders): Record<string, string> {
	return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')]));
}

function ignore(): void {}
