import type { Operation } from '../operation';
import { optionsOf } from '../options';
import { execute as chat } from './chat/execute';
import { properties as chatProperties } from './chat/properties';
import { execute as classify } from './classify/execute';
import { properties as classifyProperties } from './classify/properties';
import { execute as embed } from './embed/execute';
import { properties as embedProperties } from './embed/properties';
import { execute as explain } from './explain/execute';
import { execute as extract } from './extract/execute';
import { properties as extractProperties } from './extract/properties';
import { execute as generate } from './generate/execute';
import { dryProperties, firstProperties, properties as generateProperties } from './generate/properties';
import { execute as prewarm } from './prewarm/execute';
import { properties as prewarmProperties } from './prewarm/properties';
import { execute as rate } from './rate/execute';
import { properties as rateProperties } from './rate/properties';
import { execute as status } from './status/execute';
import { execute as summarize } from './summarize/execute';
import { properties as summarizeProperties } from './summarize/properties';
import { execute as verify } from './verify/execute';

/** What the node can do, in the order of its lists. */
export const operations: Operation[] = [
	{
		resource: 'chat',
		operation: 'send',
		name: 'Send Messages',
		description: 'Have a local model answer a conversation',
		action: 'Send messages',
		properties: chatProperties,
		execute: chat,
	},
	{
		resource: 'decision',
		operation: 'explain',
		name: 'Explain',
		description: 'See which model and host would be chosen now, and why. No model is called.',
		action: 'Explain a decision',
		properties: dryProperties,
		execute: explain,
	},
	{
		resource: 'embedding',
		operation: 'embed',
		name: 'Embed',
		description: 'Turn texts into vectors',
		action: 'Embed texts',
		properties: embedProperties,
		execute: embed,
	},
	{
		resource: 'feedback',
		operation: 'rate',
		name: 'Rate an Answer',
		description: 'Say how good an answer was, so that later choices heed it',
		action: 'Rate an answer',
		properties: rateProperties,
		execute: rate,
	},
	{
		resource: 'fleet',
		operation: 'status',
		name: 'Get Status',
		description: 'See each host with its models',
		action: 'Get the status of the fleet',
		properties: [optionsOf('engine')],
		once: true,
		execute: status,
	},
	{
		resource: 'fleet',
		operation: 'prewarm',
		name: 'Prewarm',
		description: 'Load the model that a later node needs, while others work',
		action: 'Prewarm a model',
		properties: prewarmProperties,
		once: true,
		execute: prewarm,
	},
	{
		resource: 'fleet',
		operation: 'verify',
		name: 'Verify',
		description: 'See what is missing for agents, pictures, vector stores and metrics, and how to get it',
		action: 'Verify the fleet',
		properties: [optionsOf('engine')],
		once: true,
		execute: verify,
	},
	{
		resource: 'text',
		operation: 'classify',
		name: 'Classify',
		description: 'Find which of your labels fits a text',
		action: 'Classify text',
		properties: classifyProperties,
		execute: classify,
	},
	{
		resource: 'text',
		operation: 'extract',
		name: 'Extract',
		description: 'Read data from a text or a picture',
		action: 'Extract data from text',
		properties: extractProperties,
		execute: extract,
	},
	{
		resource: 'text',
		operation: 'generate',
		name: 'Generate',
		description: 'Have a local model answer a prompt',
		action: 'Generate text',
		properties: generateProperties,
		execute: generate,
	},
	{
		resource: 'text',
		operation: 'summarize',
		name: 'Summarize',
		description: 'Say a text in fewer words',
		action: 'Summarize text',
		properties: summarizeProperties,
		execute: summarize,
	},
];

/** The operations of the node's first version, by their values there. */
export const firstOperations: Operation[] = [
	{
		resource: '',
		operation: 'ask',
		name: 'Ask',
		description: 'Have a local model answer each item',
		action: 'Ask a local model',
		properties: firstProperties,
		execute: generate,
	},
	{
		resource: '',
		operation: 'rate',
		name: 'Rate an Answer',
		description: 'Say how good an answer was, so that later choices heed it',
		action: 'Rate an answer',
		properties: rateProperties,
		execute: rate,
	},
];
