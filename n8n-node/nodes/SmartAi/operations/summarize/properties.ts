import type { INodeProperties } from 'n8n-workflow';

import { mode, model, textOf } from '../../choiceParameters';
import { ASKING, optionsOf } from '../../options';

export const properties: INodeProperties[] = [
	{ ...textOf('e.g. {{ $json.content }}', 'What to summarize'), required: true },
	{
		displayName: 'Form',
		name: 'form',
		type: 'options',
		options: [
			{ name: 'Bullet Points', value: 'bullets' },
			{ name: 'One Sentence', value: 'sentence' },
			{ name: 'Paragraph', value: 'paragraph' },
		],
		default: 'paragraph',
		description: 'How the summary is written',
	},
	{
		displayName: 'Words at Most',
		name: 'words',
		type: 'number',
		typeOptions: { minValue: 0 },
		default: 80,
		description: 'About how long the summary may be. 0 leaves it to the model.',
	},
	{
		displayName: 'Language',
		name: 'language',
		type: 'string',
		default: '',
		placeholder: 'e.g. English',
		description: 'The language of the summary. Empty means that of the text.',
	},
	mode,
	model,
	optionsOf(...ASKING),
];
