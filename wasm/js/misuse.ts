import type { DispatchError } from './generated/core.js';

/** A call that makes no sense: thrown, never an answer. */
export class Misuse extends Error {
	constructor(
		readonly code: 'config_invalid' | 'invalid_argument' | 'closed',
		message: string,
		readonly field?: string,
	) {
		super(message);
		this.name = 'SmartAiError';
	}
}

/** The refusal core threw; anything else is thrown on. */
export function refusalOf(error: unknown): DispatchError {
	const { code, message, hint } = error as { code?: DispatchError['code']; message?: string; hint?: string };
	if (code === undefined || hint === undefined) throw error;
	return { code, message: message ?? '', hint };
}
