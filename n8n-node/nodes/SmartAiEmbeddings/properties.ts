import type { INodeProperties } from 'n8n-workflow';

export const properties: INodeProperties[] = [
	{
		displayName: 'Model',
		name: 'model',
		type: 'resourceLocator',
		required: true,
		default: { mode: 'list', value: '' },
		description:
			'One model for everything in a vector store, since vectors of two models do not match. Smart AI picks the host.',
		modes: [
			{
				displayName: 'From List',
				name: 'list',
				type: 'list',
				placeholder: 'Choose an embedding model',
				typeOptions: { searchListMethod: 'embeddingModels', searchable: true },
			},
			{ displayName: 'By Name', name: 'id', type: 'string', placeholder: 'e.g. nomic-embed-text' },
		],
	},
	{
		displayName: 'Options',
		name: 'options',
		type: 'collection',
		placeholder: 'Add Option',
		default: {},
		options: [
			{
				displayName: 'Deadline in Seconds',
				name: 'deadline',
				type: 'number',
				typeOptions: { minValue: 0 },
				default: 0,
				description: 'Give one call up after this long. 0 means no deadline.',
			},
			{
				displayName: 'Engine',
				name: 'engine',
				type: 'options',
				options: [
					{ name: 'Auto', value: 'auto', description: 'Native where it loads, otherwise WebAssembly' },
					{ name: 'Native', value: 'native' },
					{ name: 'WebAssembly', value: 'wasm' },
				],
				default: 'auto',
				description: 'Which build of Smart AI decides and calls',
			},
		],
	},
];
