/**
 * What the node asks of an engine, whichever build serves. Core's own types: all names are those of Smart AI's JSON.
 */
import type { Answer, Ask, Decision, Feedback, FleetConfig, HostSnapshot, Mode, Snapshot } from '../../core/types/core';

export type { Answer, Decision, Feedback, HostSnapshot, Mode, Snapshot };
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
	/** Every host with its models, looked at now. */
	models(): Promise<HostSnapshot[]>;
	close(): void;
}

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
		...(learned && { learned }),
		ask: async (request, options) => await dispatcher.ask(request, options),
		decide: async (request) => await dispatcher.decide(request),
		feedback: async (feedback) => await dispatcher.feedback(feedback),
		models: async () => await dispatcher.models(),
		close: () => dispatcher.close(),
	};
}
