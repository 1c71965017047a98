import { SmartAiError } from './error.js';
import type { AskOptions } from './smart-ai.js';

/** Letters of JSON that one ask may have, as many as the proxy takes: the memory of WebAssembly never shrinks. */
const ASK_MAX = 64 * 1024 * 1024;

const HINT = 'Hand over plain data: texts, numbers, lists and objects that JSON.stringify can write.';

/**
 * The JSON of what a caller hands over. Its object is read here and never again, so that a change that the caller makes
 * afterwards reaches no job. Throws an error with this code where the object cannot be read.
 */
export function jsonOf(value: unknown, name: string, code = 'invalid_request'): string {
	let reason = 'it has no JSON form';
	try {
		const json = JSON.stringify(value);
		if (json !== undefined) return json;
	} catch (error) {
		reason = reasonOf(error);
	}
	throw new SmartAiError(code, `${name} cannot be read: ${reason}`, { hint: HINT });
}

/** The JSON of an ask. Throws `invalid_argument` for what is no object, `invalid_request` where it cannot be read. */
export function askJson(ask: unknown): string {
	if (typeof ask !== 'object' || ask === null) {
		throw new SmartAiError('invalid_argument', 'ask takes an object with a prompt');
	}
	const json = jsonOf(ask, 'the ask');
	if (json.length <= ASK_MAX) return json;
	throw new SmartAiError('invalid_request', `the ask is larger than ${ASK_MAX >> 20} MiB`, {
		hint: 'Split it, or send fewer or smaller images.',
	});
}

/** The options of an ask, read once. Throws `invalid_argument`. */
export function optionsOf(options: AskOptions | null | undefined): AskOptions {
	const invalid = (what: string) => new SmartAiError('invalid_argument', what);
	let read: AskOptions;
	try {
		const { signal, onText } = options ?? {};
		read = { ...(signal && { signal }), ...(onText && { onText }) };
	} catch (error) {
		throw invalid(`the options of an ask cannot be read: ${reasonOf(error)}`);
	}
	const { signal, onText } = read;
	if (signal && typeof signal.addEventListener !== 'function') throw invalid('signal takes an AbortSignal');
	if (onText && typeof onText !== 'function') throw invalid('onText takes a function');
	return read;
}

/** The first line of what was thrown, which may be anything. */
function reasonOf(error: unknown): string {
	try {
		return String((error as Error | null)?.message ?? error).split('\n', 1)[0] ?? '';
	} catch {
		return 'reading it throws';
	}
}
