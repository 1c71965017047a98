/**
 * What the node asks of an engine, whichever serves. The types are those of Smart AI's packages: all names are those of
 * its JSON.
 */
import type { Answer, Ask, AskOptions, FleetConfig, SmartAi, Snapshot } from '../../wasm/dist/types/inline';

export type {
	Answer,
	AskOptions,
	Decision,
	Feedback,
	HostSnapshot,
	Mode,
	Prepare,
	Snapshot,
} from '../../wasm/dist/types/inline';
/** One request. Without a pin the engine picks the model and the host. */
export type AskRequest = Ask;
/** What every engine is made from; the shape of `smart-ai.toml`. */
export type EngineConfig = FleetConfig;

/** An engine that lives in this process. */
export type OwnEngineName = 'wasm' | 'native';
export type EngineName = 'sidecar' | OwnEngineName;

/** An answer, and which engine gave it. */
export interface Served extends Answer {
	engine: EngineName;
	/** Why it was not the engine that should have, in plain words. */
	detour?: string;
	/** What the history calls it, where one is kept. */
	job?: string;
}

/** What both builds of Smart AI give. */
export type Dispatcher = Pick<SmartAi, 'ask' | 'decide' | 'prepare' | 'feedback' | 'models' | 'close' | 'closed'>;

/** A running dispatcher. A job that fails is an answer with `ok: false`, never a throw. */
export interface Engine extends Omit<Dispatcher, 'ask'> {
	readonly name: EngineName;
	ask(request: AskRequest, options?: AskOptions): Promise<Served>;
	/** What it has learned, to be kept over a restart; absent where the engine keeps that itself. */
	learned?(): Snapshot | Promise<Snapshot>;
}

/** The dispatcher of one build under its name. */
export function engineOf(name: OwnEngineName, dispatcher: Dispatcher, learned?: Engine['learned']): Engine {
	return {
		name,
		get closed() {
			return dispatcher.closed;
		},
		...(learned && { learned }),
		ask: async (request, options) => ({ ...(await dispatcher.ask(request, options)), engine: name }),
		decide: async (request) => await dispatcher.decide(request),
		prepare: async (wish) => await dispatcher.prepare(wish),
		feedback: async (feedback) => await dispatcher.feedback(feedback),
		models: async () => await dispatcher.models(),
		close: () => dispatcher.close(),
	};
}

/** What an engine threw, as the answer to the ask that it threw at: nothing else is lost by it. */
export function thrownAnswer(error: unknown): Answer {
	return failedAnswer({
		code: 'engine_failed' as NonNullable<Answer['error']>['code'],
		message: `The engine failed: ${error instanceof Error ? error.message : String(error)}`,
		hint: 'Run the workflow again. If it fails again, report this message with the version of the package.',
	});
}

/** An answer that no dispatcher made: why there is none, and the text that had come. */
export function failedAnswer(error: NonNullable<Answer['error']>, text = ''): Answer {
	return {
		id: null,
		ok: false,
		text,
		error,
		model: null,
		host: null,
		attempts: [],
		decision: null,
		usage: { prompt_tokens: 0, output_tokens: 0 },
		ms: { queue: 0, load: 0, first_token: 0, total: 0 },
		predicted_ms: 0,
	};
}
