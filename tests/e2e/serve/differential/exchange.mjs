// One request to one server, and what is compared of the answer.
import http from 'node:http';

/** Differs from one answer to the next, on one host as on two. */
const VOLATILE = new Set([
	'created_at',
	'completed_at',
	'created',
	'total_duration',
	'load_duration',
	'prompt_eval_duration',
	'eval_duration',
	'id',
	'item_id',
	'call_id',
	'request_id',
	'expires_at',
]);
/** Headers that a client acts on. */
const HEADERS = [
	'content-type',
	'access-control-allow-origin',
	'access-control-allow-methods',
	'access-control-allow-headers',
	'allow',
	'location',
	'vary',
];

/** Sends a request: status, headers and text of the answer. */
export function send(url, { method, path, body, headers = {}, chunked }) {
	const bytes = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
	const own = bytes === undefined ? {} : { 'content-type': 'application/json' };
	if (bytes !== undefined && !chunked) own['content-length'] = Buffer.byteLength(bytes);
	const sent = Object.fromEntries(Object.entries({ ...own, ...headers }).filter(([, value]) => value !== ''));
	return new Promise((resolve, reject) => {
		const request = http.request(url + path, { method, headers: sent, agent: false }, (response) => {
			const chunks = [];
			response.on('data', (chunk) => chunks.push(chunk));
			response.on('error', reject);
			response.on('end', () =>
				resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() }),
			);
		});
		request.on('error', reject);
		request.end(bytes);
	});
}

/** What two answers must have in common. */
export function comparable({ status, headers, text }) {
	const shown = Object.fromEntries(HEADERS.filter((name) => name in headers).map((name) => [name, headers[name]]));
	return { status, headers: shown, body: text.split('\n').map(steady) };
}

/** A line of an answer without what is never the same twice. */
function steady(line) {
	const [, before, json] = /^(data: )?(.*)$/s.exec(line.replace(/\r$/, ''));
	try {
		return `${before ?? ''}${JSON.stringify(withoutVolatile(JSON.parse(json)))}`;
	} catch {
		return line;
	}
}

function withoutVolatile(value) {
	if (Array.isArray(value)) return value.map(withoutVolatile);
	if (value === null || typeof value !== 'object') return value;
	const entries = Object.entries(value).filter(([key, inner]) => !VOLATILE.has(key) || typeof inner === 'object');
	return Object.fromEntries(
		entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, withoutVolatile(inner)]),
	);
}
