import { type Schema, Validator } from '@cfworker/json-schema';

/**
 * What of an answer does not fit the JSON schema it was asked for, and where; no value of the answer is quoted. `null` where all
 * fits, or where the schema is no schema: the server has its own word on that.
 */
export function misfit(schema: unknown, answer: string): string | null {
	if (typeof schema !== 'object' || schema === null) return null;
	let errors;
	try {
		errors = new Validator(schema as Schema, '2020-12').validate(JSON.parse(answer)).errors;
	} catch {
		return null;
	}
	// The deepest says most: those around it only say that something within does not fit.
	const [deepest] = errors.sort((left, right) => depth(right.instanceLocation) - depth(left.instanceLocation));
	if (deepest === undefined) return null;
	const place = deepest.instanceLocation.replace(/^#/, '') || 'the answer';
	return `${place}: does not fit "${deepest.keyword}"`;
}

const depth = (pointer: string) => pointer.split('/').length;
