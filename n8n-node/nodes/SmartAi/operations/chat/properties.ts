import type { INodeProperties } from 'n8n-workflow';

import { mode, model } from '../../choiceParameters';
import { ASKING, optionsOf } from '../../options';

export const properties: INodeProperties[] = [
	{
		displayName: 'Messages',
		name: 'messages',
		type: 'fixedCollection',
		typeOptions: { multipleValues: true, sortable: true },
		placeholder: 'Add Message',
		default: { message: [{ role: 'user', content: '' }] },
		description: 'The conversation, oldest first',
		options: [
			{
				displayName: 'Message',
				name: 'message',
				values: [
					{
						displayName: 'Content',
						name: 'content',
						type: 'string',
						typeOptions: { rows: 2 },
						default: '',
						placeholder: 'e.g. {{ $json.chatInput }}',
					},
					{
						displayName: 'Role',
						name: 'role',
						type: 'options',
						options: [
							{ name: 'Assistant', value: 'assistant', description: 'What the model said before' },
							{ name: 'System', value: 'system', description: 'How the model should behave' },
							{ name: 'User', value: 'user' },
						],
						default: 'user',
					},
				],
			},
		],
	},
	{
		displayName: 'Earlier Messages',
		name: 'history',
		type: 'json',
		default: '[]',
		description: 'A list of {role, content} that goes before these, for example from a database',
	},
	mode,
	model,
	optionsOf(...ASKING, 'schema', 'imageFields'),
];
