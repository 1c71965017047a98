/** Smart AI for Node, without native code. */
import { platform, uptime } from 'node:os';
import { withAuthorities } from './authorities.js';
import { clockOf } from './clock.js';
import type { WasmCore } from './core.js';
import { Driver } from './driver.js';
import type { FleetConfig } from './generated/core.js';
import { nodeTransport } from './node-transport.js';
import type { SmartAi } from './smart-ai.js';
import { sleep } from './timers.js';
import type { Hands } from './transport.js';
import * as exports from './wasm-file.js';

/** The core as it is, for those who bring a driver of their own. */
export const core = exports as unknown as WasmCore;
export const { Dispatcher, AnswerReader, classify } = core;

const started = Date.now() - uptime() * 1e3;
/** Linux counts the time since its start through every sleep, and no setting moves it. */
const awake = platform() === 'linux' ? () => started + uptime() * 1e3 : Date.now;

/** A fleet at work. Throws an Error with code `config_invalid` and `field`. */
export function createDispatcher(config: FleetConfig, hands: Partial<Hands> = {}): SmartAi {
	return new Driver(
		core,
		{ transport: nodeTransport, sleep, now: clockOf(core, awake), ...hands },
		withAuthorities(config),
	);
}

export { nodeTransport, sleep };
export { SmartAiError } from './error.js';
export type * from './api.js';
