import { UnusableParameter } from '../../request';

type Schema = Record<string, unknown>;

export interface Field {
	name?: string;
	meaning?: string;
	type?: 'boolean' | 'date' | 'list' | 'number' | 'string';
	required?: boolean;
}

/** The schema of an object with these fields. One that the text may not have may be null. */
export function schemaOfFields(fields: Field[]): Schema {
	const named = fields.flatMap((field) => (field.name?.trim() ? [{ ...field, name: field.name.trim() }] : []));
	if (named.length === 0) {
		throw new UnusableParameter('There is no field to look for', 'Add fields in the parameter Fields.');
	}
	const properties = Object.fromEntries(
		named.map(({ name, meaning = '', type = 'string', required }) => {
			const description = meaning.trim();
			const one: Schema = { ...TYPES[type], ...(description && { description }) };
			return [name, required ? one : { ...one, type: [one.type, 'null'] }];
		}),
	);
	return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}

const TYPES: Record<NonNullable<Field['type']>, Schema> = {
	boolean: { type: 'boolean' },
	date: { type: 'string', format: 'date' },
	list: { type: 'array', items: { type: 'string' } },
	number: { type: 'number' },
	string: { type: 'string' },
};

/** The schema that a value like this fits. */
export function schemaOfExample(example: unknown): Schema {
	if (Array.isArray(example)) {
		return { type: 'array', ...(example.length > 0 && { items: schemaOfExample(example[0]) }) };
	}
	if (typeof example === 'object' && example !== null) {
		const properties = Object.fromEntries(Object.entries(example).map(([key, value]) => [key, schemaOfExample(value)]));
		return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
	}
	if (example === null) return {};
	return { type: typeof example };
}
