import type { DispatchError } from './generated/core.js';

/** An error as users meet it. `code` is one of a `DispatchError`, or `config_invalid`, `invalid_argument`, `closed`. */
export class SmartAiError extends Error {
	/** What to do about it. */
	declare readonly hint?: string;
	/** The key of the configuration that is not right. */
	declare readonly field?: string;

	constructor(
		readonly code: string,
		message: string,
		known: { hint?: string; field?: string } = {},
	) {
		super(message);
		this.name = 'SmartAiError';
		Object.assign(this, known);
	}
}

/** The refusal of an ask that makes no sense; anything else is thrown on. */
export function refusalOf(error: unknown): DispatchError {
	const { code, message, hint } = (error ?? {}) as { code?: DispatchError['code']; message?: string; hint?: string };
	if (code === undefined || hint === undefined) throw error;
	return { code, message: message ?? '', hint };
}
