import type { INodeProperties } from 'n8n-workflow';

export const mode: INodeProperties = {
	displayName: 'Mode',
	name: 'mode',
	type: 'options',
	options: [
		{ name: 'Balanced', value: 'balanced', description: 'A better model where it costs little time' },
		{ name: 'Best', value: 'best', description: 'The best model that can answer in time' },
		{ name: 'Fast', value: 'fast', description: 'The soonest answer' },
	],
	default: 'balanced',
	description: 'How much waiting a better answer is worth',
};

/**
 * Shown in no version, and first of its name: n8n's panel offers the options of a node's first parameter called `mode`
 * as actions, beside the operations, and this one has none.
 */
export const noActions: INodeProperties = {
	displayName: 'Mode',
	name: 'mode',
	type: 'hidden',
	displayOptions: { show: { '@version': [0] } },
	default: 'balanced',
};

/** The text that an operation works on. */
export function textOf(placeholder: string, description: string): INodeProperties {
	return {
		displayName: 'Text',
		name: 'text',
		type: 'string',
		typeOptions: { rows: 4 },
		default: '',
		placeholder,
		description,
	};
}

/** The choice of one model; `list` names the search whose models can do the work. */
export function modelOf(list: string, placeholder: string, description: string): INodeProperties {
	return {
		displayName: 'Model',
		name: 'model',
		type: 'resourceLocator',
		default: { mode: 'list', value: '' },
		description,
		modes: [
			{
				displayName: 'From List',
				name: 'list',
				type: 'list',
				placeholder,
				typeOptions: { searchListMethod: list, searchable: true },
			},
			{ displayName: 'By Name', name: 'id', type: 'string', placeholder: 'e.g. llama3.2:3b' },
		],
	};
}

/** Any model that writes; empty lets Smart AI choose. */
export const model = modelOf(
	'modelSearch',
	'Let Smart AI choose',
	'Only this model. Empty lets Smart AI choose among models that can do what is asked.',
);
