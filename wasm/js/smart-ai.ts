import type { Answer, Ask, Decision, Feedback, HostSnapshot, Prepare, Prepared, Snapshot } from './generated/core.js';

/** How one ask is carried out. */
export interface AskOptions {
	/** Aborting it ends the job with the error `cancelled` and closes its connection. */
	signal?: AbortSignal;
	/** Takes the answer as it comes. A call that breaks after its first piece is not repeated elsewhere. */
	onText?: (text: string) => void;
}

/** An answer piece by piece: `for await (const text of stream)`. Leaving the loop cancels the ask. */
export interface AnswerStream<A = Answer> extends AsyncIterable<string> {
	/** The whole answer, once it has ended; of a job that failed, with `ok: false`. */
	readonly answer: Promise<A>;
}

/** A fleet at work. `A`: what an engine says of an answer. */
export interface SmartAi<A = Answer> {
	readonly engine: 'native' | 'wasm';
	/** Whether it takes no more asks: it was closed or drains, or a fault of its own has ended it. */
	readonly closed: boolean;
	/** Answers. A job that fails is an answer with `ok: false`; it throws on misuse only. */
	ask(ask: Ask, options?: AskOptions): Promise<A>;
	/** The same, handed out as it comes. A call that breaks after its first piece is not repeated elsewhere. */
	stream(ask: Ask, options?: AskOptions): AnswerStream<A>;
	/** What would be chosen now, and why. Nothing is called. Throws `invalid_request`. */
	decide(ask: Ask): Promise<Decision>;
	/**
	 * Has the model that would answer in memory before it is asked: answers once it is there, or, with `at`, once it is
	 * planned. Who waits for one model shares one load. Throws `invalid_request`.
	 */
	prepare(wish: Prepare): Promise<Prepared>;
	/**
	 * Says how good an answer was; later choices heed it. `model` and `task` are the answer's `model` and
	 * `decision.task`. Throws `invalid_request`.
	 */
	feedback(feedback: Feedback): Promise<void>;
	/** Every host with its models, as last seen. */
	models(): Promise<HostSnapshot[]>;
	/** What the dispatcher believes. */
	snapshot(): Promise<Snapshot>;
	/** Takes no more asks, lets every job under way end, then closes. */
	drain(): Promise<void>;
	/** Cancels what runs, and ends. */
	close(): void;
}
