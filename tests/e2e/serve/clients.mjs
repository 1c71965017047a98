// Three clients of the proxy, each with its own count of what it sent and what Ollama told it.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Ollama } from 'ollama';

const run = promisify(execFile);

/** What a client knows of its own requests. */
export class Truth {
	constructor() {
		this.requests = new Map();
		this.prompt = 0;
		this.output = 0;
	}

	/** One request ended; `final` holds Ollama's counters. */
	count(operation, status, errorType, final) {
		const key = [operation, status, errorType].join(' ');
		this.requests.set(key, (this.requests.get(key) ?? 0) + 1);
		this.prompt += final?.prompt_eval_count ?? 0;
		this.output += final?.eval_count ?? 0;
	}
}

/** The npm client `ollama`: chats and generates, streamed and whole, embeds, and asks for what is not there. */
export function npmClient(proxy, count) {
	const truth = new Truth();
	const ollama = new Ollama({ host: proxy });
	const messages = (index) => [{ role: 'user', content: `Say something about number ${index}.` }];
	const options = (index) => ({ num_predict: 1 + (index % 7) });
	const kinds = [
		async (index) => {
			let final;
			for await (const part of await ollama.chat({
				model: 'small',
				messages: messages(index),
				options: options(index),
				stream: true,
			}))
				final = part;
			truth.count('chat', 'success', '', final);
		},
		async (index) =>
			truth.count(
				'chat',
				'success',
				'',
				await ollama.chat({ model: 'auto', messages: messages(index), options: options(index) }),
			),
		async (index) =>
			truth.count(
				'generate',
				'success',
				'',
				await ollama.generate({ model: 'LARGE', prompt: `Number ${index}`, options: options(index) }),
			),
		async (index) =>
			truth.count('embed', 'success', '', await ollama.embed({ model: 'vectors', input: [`Number ${index}`] })),
		async (index) => {
			const [model, word] =
				index % 2 === 0 ? [`made-up-${index}`, 'model_missing'] : [`hostile-"\n{${index}}`, 'bad_request'];
			const refused = await ollama.chat({ model, messages: messages(index) }).catch((error) => error);
			truth.count('chat', 'error', refused.status_code === (index % 2 === 0 ? 404 : 400) ? word : String(refused));
		},
	];
	return {
		label: 'ollama_js',
		truth,
		tasks: Array.from({ length: count }, (_, index) => () => kinds[index % kinds.length](index)),
	};
}

/** curl: Ollama's default, which streams, and whole answers. */
export function curl(proxy, count) {
	const truth = new Truth();
	const task = (index) => async () => {
		const streams = index % 2 === 0;
		const body = {
			model: 'small',
			prompt: `Number ${index}`,
			options: { num_predict: 3 },
			...(streams ? {} : { stream: false }),
		};
		const { stdout } = await run('curl', [
			'--silent',
			'--show-error',
			'--data',
			JSON.stringify(body),
			`${proxy}/api/generate`,
		]);
		const lines = stdout.trim().split('\n');
		if (lines.length > 1 !== streams) throw new Error(`curl got ${lines.length} lines, streaming ${streams}`);
		truth.count('generate', 'success', '', JSON.parse(lines.at(-1)));
	};
	return { label: 'curl', truth, tasks: Array.from({ length: count }, (_, index) => task(index)) };
}

/** Our own dispatcher for Node, for which the proxy is a host. */
export async function dispatcher(proxy, count) {
	const { createDispatcher } = await import('../../../node-addon/dist/index.mjs');
	const truth = new Truth();
	const ai = createDispatcher({ hosts: [{ url: proxy, parallel: 8 }], models: [] });
	const task = (index) => async () => {
		const answer = await ai.ask({ prompt: `Number ${index}`, max_tokens: 1 + (index % 5) });
		if (!answer.ok) throw new Error(answer.error.message);
		truth.count('chat', 'success', '', {
			prompt_eval_count: answer.usage.prompt_tokens,
			eval_count: answer.usage.output_tokens,
		});
	};
	return {
		label: 'smart_ai',
		truth,
		tasks: Array.from({ length: count }, (_, index) => task(index)),
		close: () => ai.close(),
	};
}
