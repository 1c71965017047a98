import type { INodeProperties } from 'n8n-workflow';

import { modelOf } from '../SmartAi/choiceParameters';
import { optionsOf } from '../SmartAi/options';

export const properties: INodeProperties[] = [
	{
		...modelOf(
			'embeddingModels',
			'Choose an embedding model',
			'One model for everything in a vector store: vectors of two models do not match. Smart AI picks the host.',
		),
		required: true,
	},
	optionsOf('deadline', 'engine'),
];
