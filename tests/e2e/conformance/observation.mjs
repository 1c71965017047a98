// What is compared of an answer: status, content type, shapes of its JSON lines in order, and error texts word for
// word.
import http from 'node:http';

// Left out of a JSON object when they are 0, so a fast host may lack them.
const OPTIONAL = new Set([
	'total_duration',
	'load_duration',
	'prompt_eval_duration',
	'eval_duration',
	'prompt_eval_count',
	'eval_count',
]);
// Sizes and texts of the model itself; what a caller needs of them is compared by name below.
const OF_THE_MODEL = new Set(['model_info', 'modelfile', 'template', 'parameters', 'license', 'system', 'tensors']);

/** Sends one step to a host and returns what is compared. */
export async function observe(url, step) {
	const answer = await send(url, step);
	const type = answer.headers['content-type'] ?? '';
	const seen = { status: answer.status, type };
	if (step.method === 'HEAD' || !/json/.test(type)) return { ...seen, text: answer.text };
	const lines = answer.text
		.split('\n')
		.filter(Boolean)
		.map((line) => JSON.parse(line));
	seen.lines = squeezed(lines.map((line) => (answer.status === 200 ? shape(line) : line)));
	const last = lines.at(-1);
	if (last.done_reason && !step.endsAnyhow) seen.done_reason = last.done_reason;
	if (step.value) seen.value = step.value(last);
	if (last.model_info) seen.model_info = neededInfo(last.model_info);
	if (last.capabilities) seen.capabilities = last.capabilities;
	if (step.json) seen.answer = shape(JSON.parse(last.message.content));
	return seen;
}

/** Sends a step until its `settles` holds: what Ollama does after it has answered. */
export async function settle(url, step) {
	const deadline = Date.now() + 10_000;
	for (;;) {
		const { text } = await send(url, step);
		if (step.settles(JSON.parse(text))) return;
		if (Date.now() > deadline) throw new Error(`${step.name}: never so: ${text}`);
	}
}

/** One HTTP exchange; `fetch` would not let us set the Host header. */
function send(url, { method, path, body, headers = {} }) {
	return new Promise((resolve, reject) => {
		const request = http.request(url + path, { method, headers, agent: false }, (response) => {
			const chunks = [];
			response.on('data', (chunk) => chunks.push(chunk));
			response.on('error', reject);
			response.on('end', () =>
				resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() }),
			);
		});
		request.on('error', reject);
		request.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
	});
}

/** Keys and types; `done` keeps its value, since it is what orders the lines. */
function shape(value, key = '') {
	if (key === 'done') return value;
	if (Array.isArray(value)) return value.length === 0 ? [] : [shape(value[0])];
	if (value === null || typeof value !== 'object') return typeof value;
	const entries = Object.entries(value).filter(([name]) => !OPTIONAL.has(name) && !OF_THE_MODEL.has(name));
	return Object.fromEntries(
		entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, inner]) => [name, shape(inner, name)]),
	);
}

/** Equal lines that follow each other count once: how many tokens there are is the model's affair. */
function squeezed(lines) {
	const texts = lines.map((line) => JSON.stringify(line));
	return lines.filter((_, index) => texts[index] !== texts[index - 1]);
}

/** The entries of model_info that a memory prediction needs, with their types. */
function neededInfo(info) {
	const family = info['general.architecture'];
	const names = ['context_length', 'block_count', 'embedding_length', 'attention.head_count'].map(
		(name) => `${family}.${name}`,
	);
	return Object.fromEntries(
		['general.architecture', 'general.parameter_count', ...names].map((name) => [name, typeof info[name]]),
	);
}
