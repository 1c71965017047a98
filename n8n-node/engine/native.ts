import type { Unavailable } from './choice';
import type { Answer, AskRequest, Decision, Engine, EngineConfig } from './contract';

interface Dispatcher {
	ask(
		request: AskRequest,
		options?: { signal?: AbortSignal; onText?: (delta: string) => void },
	): Promise<Answer>;
	decide(request: AskRequest): Promise<Decision>;
	close(): void | Promise<void>;
}

interface Addon {
	createDispatcher(config: EngineConfig): Dispatcher | Promise<Dispatcher>;
}

/** The native engine: the addon beside this file, where this machine has one it can load. */
export async function nativeEngine(config: EngineConfig): Promise<Engine | Unavailable> {
	const addon = await loadAddon();
	if ('unavailable' in addon) return addon;
	const dispatcher = await addon.createDispatcher(config);
	return {
		name: 'native',
		ask: async (request, options) => await dispatcher.ask(request, options),
		decide: async (request) => await dispatcher.decide(request),
		close: async () => await dispatcher.close(),
	};
}

async function loadAddon(): Promise<Addon | Unavailable> {
	// A variable keeps the compiler from asking for a module that only the finished package holds.
	const place: string = './native/addon.js';
	try {
		return (await import(place)) as Addon;
	} catch (error) {
		return { unavailable: (error as Error).message.split('\n', 1)[0] };
	}
}
