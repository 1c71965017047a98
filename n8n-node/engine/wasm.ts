import { sleep } from 'n8n-workflow';

import { type Engine, type EngineConfig, engineOf } from './contract';
import { httpTransport, type N8nHttpRequest } from './httpTransport';
import { createDispatcher } from './wasm/dispatcher';

/** The WebAssembly engine: runs wherever n8n does, and calls through n8n's HTTP client. */
export async function wasmEngine(config: EngineConfig, httpRequest: N8nHttpRequest): Promise<Engine> {
	const dispatcher = createDispatcher(config, {
		transport: httpTransport(httpRequest),
		sleep: async (ms, signal) => await sleep(ms, signal),
		// Far from zero, so that the age of a metric never reaches before it.
		now: () => performance.timeOrigin + performance.now(),
	});
	return engineOf('wasm', dispatcher);
}
