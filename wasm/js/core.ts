import type {
	Answer,
	Ask,
	CallOptions,
	Classification,
	Config,
	Decision,
	DispatchError,
	Effect,
	Embeddings,
	Event,
	Failure,
	Feedback,
	Fleet,
	FleetConfig,
	HostState,
	ModelDetails,
	ModelState,
	ModelTag,
	Outcome,
	Piece,
	Post,
	Prepare,
	Reply,
	Request,
	ResidentModel,
	Sample,
	SignalsState,
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

/** The core, as each build exports it. */
export interface Core {
	Dispatcher: DispatcherClass;
	AnswerReader: new () => AnswerReader;
	Clock: new () => Clock;
	splitConfig(config: FleetConfig): Fleet;
	classify(text: string): Classification;
	askRequest(ask: Ask): Request;
	askBody(ask: Ask, model: string, options: CallOptions): string;
	askEndpoint(ask: Ask): string;
	/** How many of its messages each part of an ask holds, in order. */
	askParts(ask: Ask): number[];
	askVerdict(ask: Ask, text: string, reason: string): Verdict;
	repairPrompt(misfit: string): string;
	feedbackEvent(feedback: Feedback): Event;
	/** The event of a wish to have a model in memory; `wallMs` is the time of day since 1970. */
	prepareEvent(job: number, wish: Prepare, wallMs: number): Event;
	/** What to send for a load or an unload. */
	residencyPost(effect: Effect): Post | null;
	/** Why it was not carried out. */
	residencyFailure(reply: Reply): Failure | null;
	readEmbeddings(body: string): Read<Embeddings>;
	readVersion(body: string): Read<string>;
	readTags(body: string): Read<ModelTag[]>;
	readPs(body: string, date: string | null): Read<ResidentModel[]>;
	readShow(body: string): Read<ModelDetails>;
	readMetrics(status: number, body: string): Read<Sample[]>;
	metricsQuery(): string;
	/** Milliseconds that a dry run waits, at most, for looks that are under way. */
	settleMs(): number;
	failureOfStatus(status: number, body: string, retryAfter?: string, location?: string): Failure;
	failureOfConnection(code: string | undefined, message: string): Failure;
	/** How to mend what a failure's detail tells, where that is known. */
	remedy(detail: string): string | null | undefined;
	hostState(version: Reply, tags: Reply, resident: Reply): HostState;
	modelState(show: Reply): ModelState;
	/** Why an ask of one token brought none. */
	canaryFailure(reply: Reply): Failure | null;
	signalsState(reply: Reply): SignalsState;
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
