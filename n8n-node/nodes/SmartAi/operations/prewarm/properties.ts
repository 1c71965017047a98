import type { INodeProperties } from 'n8n-workflow';

import { mode, model } from '../../choiceParameters';
import { optionsOf } from '../../options';

export const properties: INodeProperties[] = [
	{ ...model, description: 'The model to load. Empty loads the one that Smart AI would choose.' },
	mode,
	{
		displayName: 'Needed At',
		name: 'neededAt',
		type: 'dateTime',
		default: '',
		description: 'When it will be asked: the load begins just in time. Empty means now.',
	},
	{
		displayName: 'Wait Until Loaded',
		name: 'wait',
		type: 'boolean',
		default: false,
		description: 'Whether the workflow goes on only once the model is in memory',
	},
	optionsOf('engine', 'host'),
];
