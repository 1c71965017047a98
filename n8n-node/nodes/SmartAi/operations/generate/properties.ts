import type { INodeProperties } from 'n8n-workflow';

import { mode, model } from '../../choiceParameters';
import { ASKING, optionsOf } from '../../options';

const prompt: INodeProperties = {
	displayName: 'Prompt',
	name: 'prompt',
	type: 'string',
	typeOptions: { rows: 4 },
	default: '',
	required: true,
	placeholder: 'e.g. Summarize this article: {{ $json.content }}',
	description: 'What to ask. Smart AI picks the model and the host for each item.',
};

const task: INodeProperties = {
	displayName: 'Task',
	name: 'task',
	type: 'options',
	options: [
		{ name: 'Analyze', value: 'analyze' },
		{ name: 'Auto', value: 'auto', description: 'Read it from the prompt' },
		{ name: 'Chat', value: 'chat' },
		{ name: 'Classify', value: 'classify' },
		{ name: 'Code', value: 'code' },
		{ name: 'Embed', value: 'embed', description: 'Turn the prompt into a vector' },
		{ name: 'Extract', value: 'extract' },
		{ name: 'General', value: 'general' },
		{ name: 'Summarize', value: 'summarize' },
		{ name: 'Vision', value: 'vision' },
	],
	default: 'auto',
	description: 'The kind of work, which decides the models that can do it and the length to expect',
};

const deadline: INodeProperties = {
	displayName: 'Deadline in Seconds',
	name: 'deadline',
	type: 'number',
	typeOptions: { minValue: 0 },
	default: 0,
	description: 'Give up after this long. 0 means no deadline.',
};

const options = optionsOf(...ASKING, 'system', 'schema', 'imageFields');

/** What Ask had in the first version of the node. */
export const firstProperties = [prompt, task, mode, deadline, model, options];

export const properties = [prompt, mode, model, options];

/** Of a dry run: what decides, and nothing of what is only sent. */
export const dryProperties = [prompt, task, mode, model, optionsOf('deadline', 'engine', 'host', 'maxTokens', 'shape')];
