import { type OutputUnit, type Schema, Validator } from '@cfworker/json-schema';

/** They only say that something within does not fit, which is listed too. */
const AROUND = new Set([
	'properties',
	'patternProperties',
	'items',
	'prefixItems',
	'allOf',
	'if',
	'dependentSchemas',
	'$ref',
	'$recursiveRef',
	'false',
]);
/** Alternatives: which of them was meant, nobody knows. */
const WITHIN = /\/(anyOf|oneOf|not|contains)\//;

/**
 * What of an answer does not fit the JSON schema it was asked for, and where; no value of the answer is quoted. `null`
 * where all fits, or where the schema is no schema: the server has its own word on that. The native engine says the
 * same.
 */
export function misfit(schema: unknown, answer: string): string | null {
	if (typeof schema !== 'object' || schema === null) return null;
	let errors: OutputUnit[];
	try {
		errors = new Validator(schema as Schema, '2020-12', false).validate(JSON.parse(answer)).errors;
	} catch {
		return null;
	}
	const telling = errors.filter(
		({ keyword, keywordLocation }) => !AROUND.has(keyword) && !WITHIN.test(keywordLocation),
	);
	// The deepest says most.
	const [first] = telling.sort(
		(left, right) =>
			depth(right) - depth(left) || compared(placeOf(left), placeOf(right)) || compared(left.keyword, right.keyword),
	);
	if (first === undefined) return errors.length === 0 ? null : 'the answer: does not fit';
	return `${placeOf(first) || 'the answer'}: does not fit "${first.keyword}"${limit(schema, first.keywordLocation)}`;
}

const placeOf = ({ instanceLocation }: OutputUnit) => decodeURI(instanceLocation.replace(/^#/, ''));
const depth = (error: OutputUnit) => error.instanceLocation.split('/').length;
const compared = (left: string, right: string) => (left < right ? -1 : Number(left > right));

/** What the schema asks for at this place, where it is short and stands there itself. */
function limit(schema: object, location: string): string {
	const names = location
		.replace(/^#\/?/, '')
		.split('/')
		.map((name) => decodeURI(name).replaceAll('~1', '/').replaceAll('~0', '~'));
	if (names.some((name) => name.startsWith('$'))) return '';
	const value = names.reduce<unknown>((part, name) => (part as Record<string, unknown> | undefined)?.[name], schema);
	const isPlain = (value: unknown) => typeof value !== 'object' && value !== undefined;
	if (!(isPlain(value) || (Array.isArray(value) && value.every(isPlain)))) return '';
	const text = JSON.stringify(value);
	return text.length <= 200 ? `: ${text}` : '';
}
