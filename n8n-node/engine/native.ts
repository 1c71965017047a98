import type { Unavailable } from './choice';
import { type Dispatcher, type Engine, type EngineConfig, engineOf } from './contract';

interface Addon {
	createDispatcher(config: EngineConfig): Dispatcher;
}

/** The native engine: the addon beside this file, where this machine has one it can load. */
export async function nativeEngine(config: EngineConfig): Promise<Engine | Unavailable> {
	const addon = await loadAddon();
	if ('unavailable' in addon) return addon;
	return engineOf('native', addon.createDispatcher(config));
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
