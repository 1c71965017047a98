/**
 * What the node asks of an engine, whichever build serves. Core's own types: all names are those of Smart AI's JSON.
 */
import type { Answer, Ask, Decision, Feedback, FleetConfig, Mode } from '../../core/types/core';

export type { Answer, Decision, Feedback, Mode };
/** One request. Without a pin the engine picks the model and the host. */
export type AskRequest = Ask;
/** What every engine is made from; the shape of `smart-ai.toml`. */
export type EngineConfig = FleetConfig;

export type EngineName = 'wasm' | 'native';

/** What both builds of Smart AI give. */
export interface Dispatcher {
	ask(request: AskRequest, options?: { signal?: AbortSignal; onText?: (text: string) => void }): Promise<Answer>;
	decide(request: AskRequest): Promise<Decision>;
	/** Says how good an answer was. Throws an Error with `hint` where that makes no sense. */
	feedback(feedback: Feedback): Promise<void>;
	close(): void;
}

/** A running dispatcher. A job that fails is an answer with `ok: false`, never a throw. */
export interface Engine extends Dispatcher {
	readonly name: EngineName;
}

/** The dispatcher of one build under its name. */
export function engineOf(name: EngineName, dispatcher: Dispatcher): Engine {
	return {
		name,
		ask: async (request, options) => await dispatcher.ask(request, options),
		decide: async (request) => await dispatcher.decide(request),
		feedback: async (feedback) => await dispatcher.feedback(feedback),
		close: () => dispatcher.close(),
	};
}
