import type { INodeProperties } from 'n8n-workflow';

import { mode, model, textOf } from '../../choiceParameters';
import { ASKING, optionsOf } from '../../options';

export const properties: INodeProperties[] = [
	{ ...textOf('e.g. {{ $json.subject }}', 'What to classify'), required: true },
	{
		displayName: 'Labels',
		name: 'labels',
		type: 'fixedCollection',
		typeOptions: { multipleValues: true },
		placeholder: 'Add Label',
		default: {},
		description: 'What the text may be. The answer is always one of these.',
		options: [
			{
				displayName: 'Label',
				name: 'label',
				values: [
					{
						displayName: 'Name',
						name: 'name',
						type: 'string',
						default: '',
						placeholder: 'e.g. invoice',
						description: 'What the output calls it',
					},
					{
						displayName: 'Meaning',
						name: 'meaning',
						type: 'string',
						default: '',
						placeholder: 'e.g. asks for money for something delivered',
						description: 'When it fits, for the model to read. Empty where the name says it.',
					},
				],
			},
		],
	},
	{
		displayName: 'Several Labels',
		name: 'several',
		type: 'boolean',
		default: false,
		description: 'Whether a text may have several labels, or none. The output is then the list labels.',
	},
	mode,
	model,
	optionsOf(...ASKING),
];
