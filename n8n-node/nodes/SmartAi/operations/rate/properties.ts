import type { INodeProperties } from 'n8n-workflow';

import { optionsOf } from '../../options';

const rating = (value: string): INodeProperties['displayOptions'] => ({ show: { rating: [value] } });

/** They read the output of an answer. */
export const properties: INodeProperties[] = [
	{
		displayName: 'Model',
		name: 'ratedModel',
		type: 'string',
		required: true,
		default: '={{ $json.model }}',
		description: 'The model that answered: the field model of the answer',
	},
	{
		displayName: 'Task',
		name: 'ratedTask',
		type: 'string',
		required: true,
		default: '={{ $json.decision.task }}',
		description: 'The kind of work it was: the field decision.task of the answer',
	},
	{
		displayName: 'Rating',
		name: 'rating',
		type: 'options',
		options: [
			{ name: 'Corrected Text', value: 'edited', description: 'The less a person changed, the better it was' },
			{ name: 'Score', value: 'score', description: 'A number from 0, useless, to 1, as good as can be' },
			{ name: 'Thumbs Down', value: 'down' },
			{ name: 'Thumbs Up', value: 'up' },
		],
		default: 'up',
		description: 'How good the answer was',
	},
	{
		displayName: 'Score',
		name: 'score',
		displayOptions: rating('score'),
		type: 'number',
		typeOptions: { minValue: 0, maxValue: 1, numberPrecision: 2 },
		default: 1,
		description: 'From 0, useless, to 1, as good as can be',
	},
	{
		displayName: 'Answer',
		name: 'answer',
		displayOptions: rating('edited'),
		type: 'string',
		typeOptions: { rows: 3 },
		default: '={{ $json.text }}',
		description: 'The answer as it came: the field text of the answer',
	},
	{
		displayName: 'Corrected Text',
		name: 'edited',
		displayOptions: rating('edited'),
		type: 'string',
		typeOptions: { rows: 3 },
		default: '',
		description: 'The answer as a person corrected it',
	},
	optionsOf('engine'),
];
