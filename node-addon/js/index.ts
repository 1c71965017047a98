/** Smart AI for Node, with the native runtime. */
import type { Snapshot } from './contract/generated/core.js';
import type { SmartAi } from './contract/smart-ai.js';
import { type KeptAnswer, NativeFleet, type NativeFleetConfig } from './fleet.js';
import { here } from './here.js';
import { load } from './native.js';
import { typed } from './typed.js';

const native = load(here);

/** The core as it is, for those who bring a driver of their own. */
export const core = typed(native);
export const { Dispatcher, AnswerReader, classify } = core;

/**
 * A fleet at work. With `history` it goes on from what was learned before; a store that does not answer holds this call
 * up for two seconds at most. Without one it begins with what another has `learned`: its `snapshot()`. Throws an Error
 * with code `config_invalid` and `field`, also where `learned` is of another version.
 */
export function createDispatcher(config: NativeFleetConfig, learned?: Snapshot): SmartAi<KeptAnswer> {
	return new NativeFleet(native, config, learned);
}

/** Runs the command line with these arguments; its exit code. */
export function cli(args: string[]): number {
	return native.cli(['smart-ai', ...args]);
}

export { SmartAiError } from './contract/error.js';
export type { HistoryConfig, KeptAnswer, NativeFleetConfig } from './fleet.js';
export type * from './contract/core.js';
export type * from './contract/generated/core.js';
export type * from './contract/smart-ai.js';
