/** Smart AI in one file: the WASM is inlined, and nothing of the platform is touched but what the caller hands in. */
import type { WasmCore } from './core.js';
import { Driver } from './driver.js';
import type { FleetConfig, Snapshot } from './generated/core.js';
import type { SmartAi } from './smart-ai.js';
import type { Hands } from './transport.js';
import * as exports from './wasm-inline.js';

/** An engine whose experience can be kept; its clock must count from one fixed moment. */
export interface Remembering extends SmartAi {
	learned(): Snapshot;
}

/** The core as it is, for those who bring a driver of their own. */
export const core = exports as unknown as WasmCore;
export const { Dispatcher, AnswerReader, classify } = core;

/**
 * A fleet at work, with the caller's transport, sleep and clock, and what one before it has `learned`. Throws an Error
 * with code `config_invalid` and `field`, also where `learned` is of another version.
 */
export function createDispatcher(config: FleetConfig, hands: Hands, learned?: Snapshot): Remembering {
	return new Driver(core, hands, config, 0, learned);
}

export { clockOf } from './clock.js';
export { SmartAiError } from './error.js';
export type * from './api.js';
