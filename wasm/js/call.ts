import type { Core } from './core.js';
import { lost, requestOf, textOf } from './exchange.js';
import type { Ask, Effect, Endpoint, Event, Failure, Piece, Usage } from './generated/core.js';
import { misfit } from './schema.js';
import type { Hands, HttpResponse } from './transport.js';

/** Milliseconds between two `progress` events of a call. */
const PROGRESS_MS = 250;

/** What a call has brought so far. */
export interface Gathered {
	text: string;
	thinking: string;
	toolCalls: Record<string, unknown>[];
	embeddings: number[][] | null;
}

interface Done {
	usage: Usage;
	reason: string;
}

interface Failed {
	failure: Failure;
}

/** How an answer ended. */
type Ended = Done | Failed;

export const nothing = (): Gathered => ({ text: '', thinking: '', toolCalls: [], embeddings: null });

/** The counters of two calls. */
function together(first: Usage, second: Usage): Usage {
	const names = Object.keys(second) as (keyof Usage)[];
	return Object.fromEntries(names.map((name) => [name, first[name] + second[name]])) as unknown as Usage;
}

/** One call of one arm: sends the job's text, tells what comes. Says nothing more once aborted. */
export class Call {
	readonly gathered = nothing();
	readonly job: number;
	ended = false;
	readonly #connection = new AbortController();
	readonly #attempt: number;
	#pieces = 0;
	#toldAt = 0;

	constructor(
		private readonly core: Core,
		private readonly hands: Hands,
		private readonly tell: (event: Event) => void,
		private readonly onText: (text: string) => void,
		private readonly effect: Extract<Effect, { type: 'call' }>,
	) {
		this.job = effect.job;
		this.#attempt = effect.attempt;
	}

	abort(): void {
		this.#connection.abort();
	}

	/** `judged`: the whole answer is looked at before it counts. */
	async run(ask: Ask, endpoint: Endpoint, connectTimeoutMs: number, judged: boolean): Promise<void> {
		const post = (sent: Ask) => this.#post(sent, endpoint, connectTimeoutMs);
		const response = await post(ask);
		if ('failure' in response) return this.#end(response);
		this.#event({ type: 'started', attempt: this.#attempt });
		if (this.core.askEndpoint(ask) === '/api/embed') return await this.#embeddings(response);
		this.#end(judged ? await this.#judge(ask, response, post) : await this.#stream(response));
	}

	async #post(ask: Ask, endpoint: Endpoint, connectTimeoutMs: number): Promise<HttpResponse | Failed> {
		const path = this.core.askEndpoint(ask);
		const body = this.core.askBody(ask, this.effect.model, this.effect.options);
		const content = { type: 'application/json', body };
		const stream = path !== '/api/embed';
		const signal = this.#connection.signal;
		try {
			const sent = requestOf(endpoint, path, content, { signal, stream, connectTimeoutMs });
			const response = await this.hands.transport.request(sent);
			if (response.status === 200) return response;
			const text = await textOf(response.body);
			const { 'retry-after': retryAfter, location } = response.headers;
			return { failure: this.core.failureOfStatus(response.status, text, retryAfter, location) };
		} catch (error) {
			const { code, message } = lost(error);
			return { failure: this.core.failureOfConnection(code ?? undefined, message) };
		}
	}

	/** Takes a whole answer that is one; of one that does not fit its schema the same model is told so, once. */
	async #judge(ask: Ask, response: HttpResponse, post: (ask: Ask) => Promise<HttpResponse | Failed>): Promise<Ended> {
		const first = await this.#whole(ask, response);
		if (first.misfit === null) return first.end;
		const wrong = { role: 'assistant' as const, content: this.gathered.text };
		const told = { role: 'user' as const, content: this.core.repairPrompt(first.misfit) };
		const again = await post({ ...ask, messages: [...(ask.messages ?? []), wrong, told] });
		if ('failure' in again) return again;
		this.gathered.text = '';
		const second = await this.#whole(ask, again);
		const end =
			second.misfit === null ? second.end : { failure: { kind: 'invalid_answer', detail: second.misfit } as Failure };
		return 'failure' in end ? end : { ...end, usage: together(first.end.usage, end.usage) };
	}

	async #whole(
		ask: Ask,
		response: HttpResponse,
	): Promise<{ end: Ended; misfit: null } | { end: Done; misfit: string }> {
		const end = await this.#stream(response);
		if ('failure' in end || this.gathered.toolCalls.length > 0) return { end, misfit: null };
		const { text, failure } = this.core.askVerdict(ask, this.gathered.text, end.reason);
		this.gathered.text = text;
		if (failure !== null) return { end: { failure }, misfit: null };
		return { end, misfit: misfit(ask.schema, text) };
	}

	/** Tells what comes, until the end. */
	async #stream(response: HttpResponse): Promise<Ended> {
		const reader = new this.core.AnswerReader();
		let end: Ended | null = null;
		try {
			for await (const chunk of response.body) {
				for (const piece of reader.push(chunk)) end = this.#take(piece) ?? end;
				// The host has said its last word, whether or not it closes the connection.
				if (end !== null) return end;
			}
		} catch {
			// The stream broke: what is missing, the reader says next.
		}
		const last = reader.finish();
		if (last !== null) end = this.#take(last) ?? end;
		return end ?? { failure: { kind: 'cut_off', detail: 'the answer ended before its final line' } as Failure };
	}

	async #embeddings(response: HttpResponse): Promise<void> {
		const body = await textOf(response.body).catch(() => '');
		const read = this.core.readEmbeddings(body);
		if ('Err' in read) return this.#end({ failure: read.Err });
		this.gathered.embeddings = read.Ok.embeddings;
		this.#end({ usage: read.Ok.usage, reason: '' });
	}

	#take(piece: Piece): Ended | null {
		if (this.#connection.signal.aborted) return null;
		switch (piece.type) {
			case 'text':
				this.gathered.text += piece.text;
				this.#progress();
				this.onText(piece.text);
				return null;
			case 'tool_calls':
				this.gathered.toolCalls.push(...piece.calls);
				this.#progress();
				return null;
			case 'thinking':
				this.gathered.thinking += piece.text;
				this.#progress();
				return null;
			case 'done':
				return { usage: piece.usage, reason: piece.reason };
			case 'failed':
				return { failure: piece.failure };
		}
	}

	#end(end: Ended): void {
		if ('failure' in end) this.#event({ type: 'failed', attempt: this.#attempt, failure: end.failure });
		else this.#event({ type: 'succeeded', attempt: this.#attempt, usage: end.usage });
	}

	#progress(): void {
		const now = this.hands.now();
		this.#pieces += 1;
		if (this.#pieces === 1) this.#event({ type: 'first_token', attempt: this.#attempt });
		else if (now - this.#toldAt < PROGRESS_MS) return;
		else this.#event({ type: 'progress', attempt: this.#attempt, tokens: this.#pieces });
		this.#toldAt = now;
	}

	#event(event: Event): void {
		if (!this.#connection.signal.aborted) this.tell(event);
	}
}
