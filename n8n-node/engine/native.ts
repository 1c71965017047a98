import type { Unavailable } from './choice';
import { type Dispatcher, type Engine, type EngineConfig, engineOf, type Snapshot } from './contract';

/** The npm package that holds it, which a user installs beside this one. */
const PACKAGE: string = 'ai-model-dispatcher';

interface Native extends Dispatcher {
	snapshot(): Promise<Snapshot>;
}

interface Addon {
	createDispatcher(config: EngineConfig, learned?: Snapshot): Native;
}

/**
 * The native engine, where its npm package is installed beside this one and runs on this machine. It begins with what
 * one before it has `learned`, where this version can read that.
 */
export async function nativeEngine(config: EngineConfig, learned?: Snapshot): Promise<Engine | Unavailable> {
	let addon: Addon;
	try {
		// By \`require\` once compiled: n8n shares packages by NODE_PATH, which a real \`import()\` does not read.
		addon = (await import(PACKAGE)) as Addon;
	} catch (error) {
		return { unavailable: (error as Error).message.split('\n', 1)[0] };
	}
	const dispatcher = begun(addon, config, learned);
	return engineOf('native', dispatcher, async () => await dispatcher.snapshot());
}

/** What cannot be read of an earlier engine counts as nothing: it is only a cache. */
function begun(addon: Addon, config: EngineConfig, learned?: Snapshot): Native {
	if (learned !== undefined) {
		try {
			return addon.createDispatcher(config, learned);
		} catch {
			return addon.createDispatcher(config);
		}
	}
	return addon.createDispatcher(config);
}
