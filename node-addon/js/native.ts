import { createRequire } from 'node:module';
import { SmartAiError } from './contract/error.js';

/** The addon as it is: values are JSON texts, and an error's message is JSON too. */
export type Native = typeof import('./contract/native.js');

/** Loads the addon built for this platform; its own error says why it cannot. */
export function load(from: string): Native {
	return createRequire(from)('./native.cjs') as Native;
}

/** Calls into the addon; its errors become errors with code, message and what else is known. */
export function called<T>(call: () => T): T {
	try {
		return call();
	} catch (error) {
		throw explained(error);
	}
}

function explained(error: unknown): unknown {
	const { code, message } = error as { code?: string; message?: string };
	if (code === undefined || !message?.startsWith('{')) return error;
	const { message: text, ...known } = JSON.parse(message) as { message: string; hint?: string; field?: string };
	return new SmartAiError(code, text, known);
}
