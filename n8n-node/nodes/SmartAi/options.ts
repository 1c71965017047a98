import type { INodeProperties } from 'n8n-workflow';

/** What may be set beside an operation's own parameters, in the order in which people look for it. */
const all = [
	{
		displayName: 'Deadline in Seconds',
		name: 'deadline',
		type: 'number',
		typeOptions: { minValue: 0 },
		default: 0,
		description: 'Give up after this long. 0 means no deadline.',
	},
	{
		displayName: 'Engine',
		name: 'engine',
		type: 'options',
		options: [
			{
				name: 'Auto',
				value: 'auto',
				description: 'The sidecar of the credential, else Native where it is installed, else WebAssembly',
			},
			{ name: 'Native', value: 'native', description: 'The npm package ai-model-dispatcher, installed beside' },
			{ name: 'Sidecar', value: 'sidecar', description: 'Only the sidecar of the credential' },
			{ name: 'WebAssembly', value: 'wasm', description: 'Inside this package; runs everywhere' },
		],
		default: 'auto',
		description: 'Where Smart AI decides and calls. All decide alike; each learns by itself.',
	},
	{
		displayName: 'Host',
		name: 'host',
		type: 'string',
		default: '',
		placeholder: 'e.g. workstation',
		description: 'Only this host, by its name in the credential',
	},
	{
		displayName: 'Image Fields',
		name: 'imageFields',
		type: 'string',
		default: 'data',
		placeholder: 'e.g. data, photo',
		description: 'Binary fields with pictures for the model to look at. Only models that see are asked.',
	},
	{
		displayName: 'Include Decision',
		name: 'decision',
		type: 'options',
		options: [
			{ name: 'Full', value: 'full', description: 'Every candidate with each term in seconds' },
			{ name: 'None', value: 'none' },
			{ name: 'Summary', value: 'summary', description: 'The choice and why' },
		],
		default: 'summary',
		description: 'How much of the reasoning goes into the output',
	},
	{
		displayName: 'Include Input Fields',
		name: 'includeInput',
		type: 'boolean',
		default: false,
		description: 'Whether the output also has the fields of the input item',
	},
	{
		displayName: 'Items at a Time',
		name: 'concurrency',
		type: 'number',
		typeOptions: { minValue: 1, maxValue: 64 },
		default: 4,
		description: 'How many items are asked together. The first item decides for the run.',
	},
	{
		displayName: 'JSON Output',
		name: 'json',
		type: 'boolean',
		default: false,
		description: 'Whether every answer must be JSON. Leave it off with tools.',
	},
	{
		displayName: 'JSON Schema',
		name: 'schema',
		type: 'json',
		default: '{\n  "type": "object",\n  "properties": {}\n}',
		description: 'The answer follows this schema; its value is also in the output field data',
	},
	{
		displayName: 'Keep Alive',
		name: 'keepAlive',
		type: 'string',
		default: '5m',
		placeholder: 'e.g. 5m, 24h, -1',
		description:
			'How long the model stays loaded after a call. Without this, Smart AI decides by what the model is worth.',
	},
	{
		displayName: 'Max Tokens',
		name: 'maxTokens',
		type: 'number',
		typeOptions: { minValue: 1 },
		default: 1024,
		description: 'The longest answer allowed',
	},
	{
		displayName: 'Ollama Options',
		name: 'ollama',
		type: 'json',
		default: '{}',
		description: 'Any other of Ollama\'s generation options, such as {"top_k": 40, "repeat_penalty": 1.1}',
	},
	{
		displayName: 'Rollout',
		name: 'rollout',
		type: 'options',
		options: [
			{
				name: 'Off',
				value: 'off',
				description: 'The chosen model answers; where none is chosen, Smart AI picks one',
			},
			{
				name: 'Percent',
				value: 'percent',
				description: 'Smart AI picks for a share of the items, the chosen model answers the rest',
			},
			{
				name: 'Shadow',
				value: 'shadow',
				description:
					'The chosen model answers; the output tells what Smart AI would have picked, and what was to be gained',
			},
		],
		default: 'shadow',
		description: 'How to try Smart AI beside the model that the parameter Model, or the option Host, names',
	},
	{
		displayName: 'Rollout Key',
		name: 'rolloutKey',
		type: 'string',
		default: '',
		placeholder: 'e.g. {{ $json.customer }}',
		description: 'The same key is always on the same side. Empty means the text of the item, or of a first message.',
	},
	{
		displayName: 'Rollout Percent',
		name: 'rolloutPercent',
		type: 'number',
		typeOptions: { minValue: 0, maxValue: 100 },
		default: 10,
		description: 'Of so many items in a hundred Smart AI picks the model, with the rollout Percent',
	},
	{
		displayName: 'Shape Key',
		name: 'shape',
		type: 'string',
		default: '',
		placeholder: 'e.g. article-summary',
		description:
			'Requests with one key share what was learned about their length. Empty means this node of this workflow.',
	},
	{
		displayName: 'Simplify',
		name: 'simplify',
		type: 'boolean',
		default: false,
		description: 'Whether to return a simplified version of the response instead of the raw data',
	},
	{
		displayName: 'System Message',
		name: 'system',
		type: 'string',
		typeOptions: { rows: 3 },
		default: '',
		placeholder: 'e.g. Answer in one sentence.',
	},
	{
		displayName: 'Temperature',
		name: 'temperature',
		type: 'number',
		typeOptions: { minValue: 0, maxValue: 2, numberPrecision: 2 },
		default: 0.7,
		description: 'Lower is more predictable, higher more varied',
	},
	{
		displayName: 'Thinking',
		name: 'think',
		type: 'boolean',
		default: false,
		description:
			'Whether models that can think first do so. On takes only such models; thoughts are kept apart from the answer.',
	},
	{
		displayName: 'Top P',
		name: 'topP',
		type: 'number',
		typeOptions: { minValue: 0, maxValue: 1, numberPrecision: 2 },
		default: 0.9,
		description: 'How much of the probable words is considered. Lower is more predictable.',
	},
] as const satisfies INodeProperties[];

export type OptionName = (typeof all)[number]['name'];

/** What every operation that asks a model offers. */
export const ASKING: OptionName[] = [
	'deadline',
	'engine',
	'host',
	'decision',
	'includeInput',
	'concurrency',
	'keepAlive',
	'maxTokens',
	'ollama',
	'rollout',
	'rolloutKey',
	'rolloutPercent',
	'shape',
	'simplify',
	'temperature',
	'think',
	'topP',
];

/** The collection Options with these. */
export function optionsOf(...names: OptionName[]): INodeProperties {
	return {
		displayName: 'Options',
		name: 'options',
		type: 'collection',
		placeholder: 'Add Option',
		default: {},
		options: all.filter(({ name }) => names.includes(name)),
	};
}
