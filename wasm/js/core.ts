import type {
	Answer,
	Ask,
	CallOptions,
	CallStep,
	Classification,
	Config,
	Decision,
	DispatchError,
	Embeddings,
	Event,
	Failure,
	Feedback,
	Fleet,
	FleetConfig,
	ModelDetails,
	ModelTag,
	Outcome,
	Outgoing,
	Piece,
	Prepare,
	Reply,
	Request,
	ResidentModel,
	Sample,
	Snapshot,
	Step,
	Verdict,
} from './generated/core.js';

/** What a reader made of a body. */
export type Read<T> = { Ok: T } | { Err: Failure };

/** Decides; a driver feeds it events and carries out effects. */
export interface Dispatcher {
	/** The driver's first call. */
	start(now: number): Step;
	/** Takes one event; gives what to do, and when to send `tick` at the latest. */
	step(now: number, event: Event): Step;
	/** The event to send before another, where the driver comes so late that it must have slept. */
	slept(now: number): Event | null;
	/** What would be chosen now. */
	decide(now: number, request: Request): Decision;
	/** The decision of a live job, or of one that ended in the last step. */
	decision(job: number): Decision | null;
	/** Until when a dry run waits for what is not known of the fleet yet; undefined where it need not wait. */
	settlesBy(): number | undefined;
	snapshot(): Snapshot;
}

/** `new Dispatcher(config, seed)`; throws an Error with code `config_invalid` and `field`. */
export interface DispatcherClass {
	new (config: Config, seed?: number): Dispatcher;
	restore(config: Config, seed: number, snapshot: Snapshot): Dispatcher;
}

/** What time it is for a driver: a clock that no setting moves, and that goes on while the machine sleeps. */
export interface Clock {
	/** Milliseconds since 1970, by the milliseconds of a steady clock and of the wall clock. */
	read(steadyMs: number, wallMs: number): number;
}

/** Reads a streamed answer piece by piece. */
export interface AnswerReader {
	push(bytes: Uint8Array): Piece[];
	finish(): Piece | null;
}

/** One ask, which crosses into core once. A driver frees it when its job has ended. */
export interface Asked {
	/** Throws `invalid_request`. `streaming`: the caller gets the text as it comes. */
	request(streaming: boolean): Request;
	/** Its place among the parts of a larger ask; 0 for one that is no part. */
	readonly place: number;
	/** Its parts, which take its texts; undefined where it is one. */
	parts(now: number): Parts | undefined;
	/** A call of it for the effect `call` of the last step, by its place in it; undefined for any other. */
	call(dispatcher: Dispatcher, place: number, streaming: boolean): CallMachine | undefined;
	/** The answer of its job, for `resolve` or `reject` of the last step, where no call brought anything. */
	answer(dispatcher: Dispatcher, place: number): Answer;
	free(): void;
}

/** An ask that is answered in parts. A driver keeps their vectors, and frees this when the whole answer is there. */
export interface Parts {
	/** A part to ask now; undefined where others must end first, or where all have been asked. */
	next(now: number): Asked | undefined;
	/** Takes the answer of a part; gives the whole answer, or null: then there is more to come. */
	ended(now: number, place: number, answer: Answer): Answer | null;
	free(): void;
}

/** One call, from its request to its judged end. A driver sends, hands over what comes, and carries out the steps. */
export interface CallMachine {
	request(): Outgoing;
	answered(status: number, retryAfter: string | undefined, location: string | undefined): CallStep[];
	push(now: number, bytes: Uint8Array): CallStep[];
	/** The body has ended. */
	finish(now: number): CallStep[];
	/** The connection could not be made or did not last. */
	lost(now: number, code: string | undefined, message: string): CallStep[];
	/** Answers the step `check`: what of the answer does not fit its schema. */
	checked(misfit: string | undefined): CallStep[];
	/** As {@link Asked.answer}; takes what the call has brought. */
	answer(dispatcher: Dispatcher, place: number): Answer;
	free(): void;
}

/** What one effect asks of one server: a look, a canary, a load or an unload. */
export interface Exchange {
	/** The host to send to; undefined: the metrics server. */
	host(): string | undefined;
	/** Milliseconds each request may take. */
	withinMs(): number;
	/** What to send now, all at once. */
	requests(): Outgoing[];
	/** Takes the replies in their order; gives the event they make, or null: then there is more to send. */
	replied(now: number, replies: Reply[]): Event | null;
	free(): void;
}

/** What the WASM exports beside {@link Core}: the machines that its driver feeds. */
export interface Machines {
	/** Begins what an effect of the last step asks by short exchanges; undefined where it asks in another way. */
	Exchange: { begin(dispatcher: Dispatcher, now: number, place: number): Exchange | undefined };
	/** Reads an ask from JSON. Throws `invalid_request`. */
	Asked: new (
		json: string,
	) => Asked;
	Clock: new () => Clock;
	/** Bytes the body of a short exchange may have. */
	bodyMax(): number;
}

/** The core, as each build exports it. */
export interface Core {
	Dispatcher: DispatcherClass;
	AnswerReader: new () => AnswerReader;
	splitConfig(config: FleetConfig): Fleet;
	classify(text: string): Classification;
	askRequest(ask: Ask): Request;
	askBody(ask: Ask, model: string, options: CallOptions): string;
	askEndpoint(ask: Ask): string;
	/** How many of its messages each part of an ask holds, in order. */
	askParts(ask: Ask): number[];
	askVerdict(ask: Ask, text: string, reason: string): Verdict;
	feedbackEvent(feedback: Feedback): Event;
	/** The event of a wish to have a model in memory; `wallMs` is the time of day since 1970. */
	prepareEvent(job: number, wish: Prepare, wallMs: number): Event;
	readEmbeddings(body: string): Read<Embeddings>;
	readVersion(body: string): Read<string>;
	readTags(body: string): Read<ModelTag[]>;
	readPs(body: string, date: string | null): Read<ResidentModel[]>;
	readShow(body: string): Read<ModelDetails>;
	readMetrics(status: number, body: string): Read<Sample[]>;
	failureOfStatus(status: number, body: string, retryAfter?: string, location?: string): Failure;
	failureOfConnection(code: string | undefined, message: string): Failure;
	/** How to mend what a failure's detail tells, where that is known. */
	remedy(detail: string): string | null | undefined;
	/** Why an ask of one token brought none. */
	canaryFailure(reply: Reply): Failure | null;
	answerResolved(
		id: unknown,
		text: string,
		embeddings: number[][] | null,
		outcome: Outcome,
		decision: Decision | null,
	): Answer;
	answerRejected(id: unknown, text: string, error: DispatchError, outcome: Outcome, decision: Decision | null): Answer;
	answerRefused(id: unknown, error: DispatchError): Answer;
}

/** All that the WASM exports. */
export type WasmCore = Core & Machines;
