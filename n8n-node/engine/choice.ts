import type { Engine, EngineConfig, EngineName, OwnEngineName } from './contract';

export type EngineWish = 'auto' | EngineName;

/** An engine that this machine cannot load, and why. */
export interface Unavailable {
	unavailable: string;
	/** It is there, and its owner is to be told why it does not serve. */
	tell?: boolean;
}

/** Throws where the engine refuses the configuration. */
export type EngineMaker = (config: EngineConfig) => Promise<Engine | Unavailable>;

/**
 * Of the engines that live in this process, `auto` takes the native one where it loads and WebAssembly elsewhere; a
 * forced choice is kept or refused. A configuration that the native engine refuses is refused, not tried again.
 */
export async function chooseEngine(
	wish: 'auto' | OwnEngineName,
	config: EngineConfig,
	makers: Record<OwnEngineName, EngineMaker>,
): Promise<Engine | Unavailable> {
	if (wish !== 'auto') return await makers[wish](config);
	const native = await makers.native(config);
	if (!isUnavailable(native)) return native;
	const engine = await makers.wasm(config);
	return native.tell && !isUnavailable(engine) ? detoured(engine, native.unavailable) : engine;
}

/** The engine, whose answers say why it served and not another. */
function detoured(engine: Engine, detour: string): Engine {
	const ask = engine.ask.bind(engine);
	engine.ask = async (request, options) => ({ detour, ...(await ask(request, options)) });
	return engine;
}

export function isUnavailable(engine: Engine | Unavailable): engine is Unavailable {
	return 'unavailable' in engine;
}
