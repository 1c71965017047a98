// Two simulated hosts with one model each; equal in everything, so that `a` is asked first.
import { readFileSync } from 'node:fs';
import { createServer as createSecureServer } from 'node:https';
import { serving } from '../../world/server.mjs';
import { startHost } from './host.mjs';

export const MODEL = 'phi3:mini';
export const OTHER = 'llama3.2:3b';
export const TEXT = 'Grüße an alle: 世界 bekommt eine Antwort, Wort für Wort, 🦙 inbegriffen.';
const speed = { prefill_tok_per_s: 5000, decode_tok_per_s: 1000, load_s: 0.05 };
const model = { name: MODEL, size_gb: 2.2, answer: TEXT, ...speed };

/** Starts both; `whole` brings them back to health, the model in memory. */
export async function startFleet() {
	const hosts = { a: await startHost({ models: [model] }), b: await startHost({ models: [model] }) };
	const all = Object.values(hosts);
	return {
		...hosts,
		async whole() {
			await Promise.all(all.map((host) => host.heal()));
			await Promise.all(all.map((host) => host.load(MODEL)));
		},
		stop: () => Promise.all(all.map((host) => host.stop())),
	};
}

/** A metrics server that says what it is told: `reply` is `(response) => void`. */
export async function startMetrics(reply) {
	const { url, close } = await serving((request, response) => request.resume().on('end', () => reply(response)));
	return { url, stop: close };
}

/**
 * A server with one of the certificates in `tls/`, which no client accepts; `asked()` tells how many requests got
 * through.
 */
export async function startSecure(certificate) {
	const pem = readFileSync(new URL(`tls/${certificate}.pem`, import.meta.url));
	let requests = 0;
	const count = (_, response) => {
		requests += 1;
		response.end(String(requests));
	};
	const secure = (handler) => createSecureServer({ key: pem, cert: pem }, handler);
	const { url, close } = await serving(count, secure);
	return { url: url.replace('http:', 'https:'), asked: () => requests, stop: close };
}

/** Prometheus's answer with these signals: `[instance, signal, value, age in seconds]`. */
export const signals =
	(...samples) =>
	(response) => {
		const series = (instance, branch, value) => ({
			metric: { instance, smart_ai: `node_exporter_linux/${branch}` },
			value: [0, String(value)],
		});
		const result = samples.flatMap(([instance, signal, value, age]) => [
			series(instance, `${signal}/value`, value),
			series(instance, `${signal}/age`, age),
		]);
		response.setHeader('content-type', 'application/json');
		response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }));
	};
