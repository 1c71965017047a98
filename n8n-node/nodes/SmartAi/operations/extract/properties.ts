import type { INodeProperties } from 'n8n-workflow';

import { mode, model, textOf } from '../../choiceParameters';
import { ASKING, optionsOf } from '../../options';

export const properties: INodeProperties[] = [
	textOf('e.g. {{ $json.body }}', 'What to read. May be empty where the option Image Fields names pictures.'),
	{
		displayName: 'Wanted',
		name: 'wanted',
		type: 'options',
		noDataExpression: true,
		options: [
			{ name: 'Fields', value: 'fields', description: 'Name each and say what it means' },
			{ name: 'JSON Example', value: 'example', description: 'An object that looks like the result' },
			{ name: 'JSON Schema', value: 'schema' },
		],
		default: 'fields',
		description: 'How you say what to look for',
	},
	{
		displayName: 'Fields',
		name: 'fields',
		displayOptions: { show: { wanted: ['fields'] } },
		type: 'fixedCollection',
		typeOptions: { multipleValues: true },
		placeholder: 'Add Field',
		default: {},
		options: [
			{
				displayName: 'Field',
				name: 'field',
				values: [
					{
						displayName: 'Meaning',
						name: 'meaning',
						type: 'string',
						default: '',
						placeholder: 'e.g. what is to be paid, with taxes, in euros',
						description: 'What to look for, for the model to read',
					},
					{
						displayName: 'Name',
						name: 'name',
						type: 'string',
						default: '',
						placeholder: 'e.g. total',
						description: 'What the output calls it',
					},
					{
						displayName: 'Required',
						name: 'required',
						type: 'boolean',
						default: false,
						description: 'Whether the text always has it. Other fields are null where it has not.',
					},
					{
						displayName: 'Type',
						name: 'type',
						type: 'options',
						options: [
							{ name: 'Boolean', value: 'boolean' },
							{ name: 'Date', value: 'date' },
							{ name: 'List of Texts', value: 'list' },
							{ name: 'Number', value: 'number' },
							{ name: 'Text', value: 'string' },
						],
						default: 'string',
					},
				],
			},
		],
	},
	{
		displayName: 'JSON Example',
		name: 'example',
		displayOptions: { show: { wanted: ['example'] } },
		type: 'json',
		default: '{\n  "sender": "Ada Lovelace",\n  "total": 12.5\n}',
		description: 'Every field of it is looked for, with the type that its value has here',
	},
	{
		displayName: 'JSON Schema',
		name: 'schema',
		displayOptions: { show: { wanted: ['schema'] } },
		type: 'json',
		default: '{\n  "type": "object",\n  "properties": {\n    "sender": { "type": "string" }\n  }\n}',
		description: 'The result follows this schema',
	},
	mode,
	model,
	optionsOf(...ASKING, 'imageFields'),
];
