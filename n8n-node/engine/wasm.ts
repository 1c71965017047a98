import { sleep } from 'n8n-workflow';

import { type Engine, type EngineConfig, engineOf, type Snapshot } from './contract';
import { httpTransport, type N8nHttpRequest } from './httpTransport';
import { clockOf, core, createDispatcher, type Hands, type Remembering } from './wasm/dispatcher';

/**
 * The WebAssembly engine: runs wherever n8n does, and calls through n8n's HTTP client. It begins with what one before
 * it has `learned`, where this version can read that.
 */
export async function wasmEngine(
	config: EngineConfig,
	httpRequest: N8nHttpRequest,
	learned?: Snapshot,
): Promise<Engine> {
	const hands = {
		transport: httpTransport(httpRequest),
		sleep: async (ms: number, signal: AbortSignal) => await sleep(ms, signal),
		// Since 1970, so that what was learned keeps its age over a restart.
		now: clockOf(core),
	};
	const dispatcher = restored(config, hands, learned) ?? createDispatcher(config, hands);
	return engineOf('wasm', dispatcher, () => dispatcher.learned());
}

/** Nothing where there is no experience, or that of another version: it is only a cache. */
function restored(config: EngineConfig, hands: Hands, learned: Snapshot | undefined): Remembering | undefined {
	if (learned === undefined) return undefined;
	try {
		return createDispatcher(config, hands, learned);
	} catch {
		return undefined;
	}
}
