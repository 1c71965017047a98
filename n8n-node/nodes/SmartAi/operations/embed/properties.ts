import type { INodeProperties } from 'n8n-workflow';

import { modelOf } from '../../choiceParameters';
import { optionsOf } from '../../options';

export const properties: INodeProperties[] = [
	{
		displayName: 'Texts',
		name: 'texts',
		type: 'string',
		typeOptions: { rows: 2 },
		default: '',
		required: true,
		placeholder: 'e.g. {{ $json.content }}',
		description: 'One text, or a list of texts by an expression, which go out as one call',
	},
	{
		...modelOf(
			'embeddingModels',
			'Choose an embedding model',
			'One model for all that is compared: vectors of two models do not match. Smart AI picks the host.',
		),
		required: true,
	},
	optionsOf('deadline', 'engine', 'host', 'decision', 'includeInput', 'concurrency', 'keepAlive', 'simplify'),
];
