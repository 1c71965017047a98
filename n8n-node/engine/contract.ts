/**
 * What the node asks of an engine, whichever build serves. The types are those of Smart AI's packages: all names are
 * those of its JSON.
 */
import type { Answer, Ask, FleetConfig, SmartAi, Snapshot } from '../../wasm/dist/types/inline';

export type { Answer, Decision, Feedback, HostSnapshot, Mode, Snapshot } from '../../wasm/dist/types/inline';
/** One request. Without a pin the engine picks the model and the host. */
export type AskRequest = Ask;
/** What every engine is made from; the shape of `smart-ai.toml`. */
export type EngineConfig = FleetConfig;

export type EngineName = 'wasm' | 'native';

/** What both builds of Smart AI give. */
export type Dispatcher = Pick<SmartAi, 'ask' | 'decide' | 'feedback' | 'models' | 'close' | 'closed'>;

/** A running dispatcher. A job that fails is an answer with `ok: false`, never a throw. */
export interface Engine extends Dispatcher {
	readonly name: EngineName;
	/** What it has learned, to be kept over a restart; absent where the engine keeps that itself. */
	learned?(): Snapshot;
}

/** The dispatcher of one build under its name. */
export function engineOf(name: EngineName, dispatcher: Dispatcher, learned?: () => Snapshot): Engine {
	return {
		name,
		get closed() {
			return dispatcher.closed;
		},
		...(learned && { learned }),
		ask: async (request, options) => await dispatcher.ask(request, options),
		decide: async (request) => await dispatcher.decide(request),
		feedback: async (feedback) => await dispatcher.feedback(feedback),
		models: async () => await dispatcher.models(),
		close: () => dispatcher.close(),
	};
}

/** What an engine threw, as the answer to the ask that it threw at: nothing else is lost by it. */
export function thrownAnswer(error: unknown): Answer {
	return {
		id: null,
		ok: false,
		text: '',
		error: {
			code: 'engine_failed' as NonNullable<Answer['error']>['code'],
			message: `The engine failed: ${error instanceof Error ? error.message : String(error)}`,
			hint: 'Run the workflow again. If it fails again, report this message with the version of the package.',
		},
		model: null,
		host: null,
		attempts: [],
		decision: null,
		usage: { prompt_tokens: 0, output_tokens: 0 },
		ms: { queue: 0, load: 0, first_token: 0, total: 0 },
		predicted_ms: 0,
	};
}
