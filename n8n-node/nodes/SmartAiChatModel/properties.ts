import type { INodeProperties } from 'n8n-workflow';

import { mode, modelOf, noActions } from '../SmartAi/choiceParameters';
import { optionsOf } from '../SmartAi/options';

export const properties: INodeProperties[] = [
	noActions,
	mode,
	modelOf(
		'chatModels',
		'Let Smart AI choose',
		'Only this model. Empty lets Smart AI choose for each call, among models that can do what it holds.',
	),
	optionsOf(
		'deadline',
		'engine',
		'host',
		'json',
		'keepAlive',
		'maxTokens',
		'ollama',
		'rollout',
		'rolloutKey',
		'rolloutPercent',
		'temperature',
		'think',
		'topP',
	),
];
