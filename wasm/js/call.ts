import type { Core } from './core.js';
import { lost, requestOf, textOf } from './exchange.js';
import type { Ask, Effect, Endpoint, Event, Piece } from './generated/core.js';
import type { Hands, HttpResponse } from './transport.js';

/** Milliseconds between two `progress` events of a call. */
const PROGRESS_MS = 250;

/** What a call has brought so far. */
export interface Gathered {
	text: string;
	embeddings: number[][] | null;
}

/** One call of one arm: sends the job's text, tells what comes. Says nothing more once aborted. */
export class Call {
	readonly gathered: Gathered = { text: '', embeddings: null };
	readonly job: number;
	ended = false;
	readonly #connection = new AbortController();
	readonly #attempt: number;
	#judged: Ask | undefined;
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
		if (judged) this.#judged = ask;
		const path = this.core.askEndpoint(ask);
		const body = this.core.askBody(ask, this.effect.model, this.effect.options);
		const stream = path !== '/api/embed';
		const content = { type: 'application/json', body };
		const signal = this.#connection.signal;
		let response: HttpResponse;
		try {
			response = await this.hands.transport.request(
				requestOf(endpoint, path, content, { signal, stream, connectTimeoutMs }),
			);
			if (response.status !== 200) return await this.#refused(response);
		} catch (error) {
			const { code, message } = lost(error);
			const failure = this.core.failureOfConnection(code ?? undefined, message);
			return this.#event({ type: 'failed', attempt: this.#attempt, failure });
		}
		this.#event({ type: 'started', attempt: this.#attempt });
		await (stream ? this.#stream(response) : this.#embeddings(response));
	}

	async #refused(response: HttpResponse): Promise<void> {
		const body = await textOf(response.body);
		const failure = this.core.failureOfStatus(response.status, body, response.headers['retry-after']);
		this.#event({ type: 'failed', attempt: this.#attempt, failure });
	}

	async #stream(response: HttpResponse): Promise<void> {
		const reader = new this.core.AnswerReader();
		try {
			for await (const chunk of response.body) {
				for (const piece of reader.push(chunk)) this.#take(piece);
			}
		} catch {
			// The stream broke: what is missing, the reader says next.
		}
		const last = reader.finish();
		if (last !== null) this.#take(last);
	}

	async #embeddings(response: HttpResponse): Promise<void> {
		const body = await textOf(response.body).catch(() => '');
		const read = this.core.readEmbeddings(body);
		if ('Err' in read) return this.#event({ type: 'failed', attempt: this.#attempt, failure: read.Err });
		this.gathered.embeddings = read.Ok.embeddings;
		this.#event({ type: 'succeeded', attempt: this.#attempt, usage: read.Ok.usage });
	}

	#take(piece: Piece): void {
		if (this.#connection.signal.aborted) return;
		switch (piece.type) {
			case 'text':
				this.gathered.text += piece.text;
				this.#progress();
				return this.onText(piece.text);
			case 'tool_calls':
				this.#judged = undefined;
				return this.#progress();
			case 'thinking':
				return this.#progress();
			case 'done':
				if (this.#judged !== undefined) {
					const { text, failure } = this.core.askVerdict(this.#judged, this.gathered.text, piece.reason);
					this.gathered.text = text;
					if (failure !== null) return this.#event({ type: 'failed', attempt: this.#attempt, failure });
				}
				return this.#event({ type: 'succeeded', attempt: this.#attempt, usage: piece.usage });
			case 'failed':
				return this.#event({ type: 'failed', attempt: this.#attempt, failure: piece.failure });
		}
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
