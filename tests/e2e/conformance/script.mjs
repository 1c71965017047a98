// The requests that are sent to both hosts, in order.
import { tags } from '../bed/models.mjs';

/** A chat model without tools and thinking. */
export const chatModel = tags.smollm2;
/** A model that embeds. */
export const vectorModel = tags.minilm;

const post = (name, path, body, more = {}) => ({ name, method: 'POST', path, body, ...more });
const get = (name, path, more = {}) => ({ name, method: 'GET', path, ...more });

const hello = [{ role: 'user', content: 'Say hello.' }];
const short = { num_predict: 4, seed: 1, temperature: 0 };
const long = 'word '.repeat(6000);
const tool = {
	type: 'function',
	function: { name: 'now', description: 'The time', parameters: { type: 'object', properties: {} } },
};
const schema = {
	type: 'object',
	properties: { label: { type: 'string', enum: ['good', 'bad'] }, sure: { type: 'boolean' } },
	required: ['label', 'sure'],
};

export const steps = [
	get('root', '/'),
	{ name: 'root, head', method: 'HEAD', path: '/' },
	get('version', '/api/version'),
	get('tags', '/api/tags'),
	{ name: 'tags, head', method: 'HEAD', path: '/api/tags' },
	get('ps, nothing loaded', '/api/ps'),
	get('unknown path', '/api/nope'),
	get('chat, wrong method', '/api/chat'),
	post('tags, wrong method', '/api/tags', {}),
	get('host of elsewhere', '/api/tags', { headers: { host: 'example.com' } }),

	post('show', '/api/show', { model: chatModel }),
	post('show, embedding model', '/api/show', { model: vectorModel }),
	post('show, unknown', '/api/show', { model: 'nope' }),
	post('show, no model', '/api/show', {}),

	post('chat, unknown model', '/api/chat', { model: 'nope', messages: hello }),
	post('chat, no model', '/api/chat', { messages: hello }),
	post('chat, bad name', '/api/chat', { model: 'a b', messages: hello }),
	post('chat, cloud name', '/api/chat', { model: 'x:cloud', messages: hello }),
	post('generate, unknown model', '/api/generate', { model: 'nope', prompt: 'x' }),
	post('generate, no model', '/api/generate', { prompt: 'x' }),
	post('embed, unknown model', '/api/embed', { model: 'nope', input: 'x' }),
	post('embed, no model', '/api/embed', { input: 'x' }),
	post('chat, no body', '/api/chat', ''),
	post('chat, not JSON', '/api/chat', 'nope'),
	post('chat, cut JSON', '/api/chat', `{"model":"${chatModel}",`),
	post('chat, a list', '/api/chat', '[]'),
	post('chat, messages not a list', '/api/chat', { model: chatModel, messages: 'hi' }),
	post('chat, model not text', '/api/chat', { model: 5 }),
	post('chat, keep_alive without unit', '/api/chat', { model: chatModel, messages: hello, keep_alive: '5' }),
	post('chat, keep_alive not a time', '/api/chat', { model: chatModel, messages: hello, keep_alive: true }),
	post('chat, think not a level', '/api/chat', { model: chatModel, messages: hello, think: 'deeply' }),
	post('chat, thinking unsupported', '/api/chat', { model: chatModel, messages: hello, think: true }),
	post('chat, tools unsupported', '/api/chat', { model: chatModel, messages: hello, tools: [tool] }),
	post('chat, embedding model', '/api/chat', { model: vectorModel, messages: hello }),
	post('generate, embedding model', '/api/generate', { model: vectorModel, prompt: 'x' }),
	post('generate, suffix unsupported', '/api/generate', { model: chatModel, prompt: 'x', suffix: 'y' }),
	post('chat, top_logprobs out of range', '/api/chat', { model: chatModel, messages: hello, top_logprobs: 21 }),
	post('chat, option of a wrong type', '/api/chat', { model: chatModel, messages: hello, options: { num_ctx: 'big' } }),
	post('chat, stop not a list', '/api/chat', { model: chatModel, messages: hello, options: { stop: 'x' } }),

	post('load', '/api/generate', { model: chatModel }),
	get('ps, one loaded', '/api/ps'),
	post('load by chat', '/api/chat', { model: chatModel, messages: [] }),
	post('chat, streamed', '/api/chat', { model: chatModel, messages: hello, options: short }),
	post('chat, whole', '/api/chat', { model: chatModel, messages: hello, options: short, stream: false }),
	post('chat, name in capitals', '/api/chat', {
		model: chatModel.toUpperCase(),
		messages: hello,
		options: short,
		stream: false,
	}),
	post('generate, streamed', '/api/generate', { model: chatModel, prompt: 'Once', options: short }),
	post('generate, whole', '/api/generate', { model: chatModel, prompt: 'Once', options: short, stream: false }),
	post('generate, raw', '/api/generate', {
		model: chatModel,
		prompt: 'Once',
		raw: true,
		options: short,
		stream: false,
	}),
	post(
		'chat, schema',
		'/api/chat',
		{ model: chatModel, messages: hello, format: schema, options: { seed: 1, num_predict: 60 }, stream: false },
		{ json: true },
	),
	post('chat, bad format', '/api/chat', { model: chatModel, messages: hello, format: 'xml' }),
	post('chat, too long and not to be cut', '/api/chat', {
		model: chatModel,
		messages: [{ role: 'user', content: long }],
		options: { num_ctx: 512 },
		truncate: false,
	}),
	post(
		'chat, too long',
		'/api/chat',
		{
			model: chatModel,
			messages: [{ role: 'user', content: long }],
			options: { num_ctx: 512, num_predict: 2 },
			stream: false,
		},
		{ endsAnyhow: true, value: (answer) => answer.prompt_eval_count },
	),
	get('ps, other context', '/api/ps', {
		value: (answer) => answer.models.map((model) => [model.name, model.context_length]),
	}),
	post('chat, unknown option', '/api/chat', {
		model: chatModel,
		messages: hello,
		options: { ...short, no_such: 1 },
		stream: false,
	}),

	post('chat, bad schema', '/api/chat', { model: chatModel, messages: hello, format: { type: 'nonsense' } }),
	post('generate, raw with system', '/api/generate', { model: chatModel, prompt: 'x', raw: true, system: 'y' }),
	post('chat, content not text', '/api/chat', { model: chatModel, messages: [{ role: 'user', content: 5 }] }),
	post('chat, option not a number', '/api/chat', {
		model: chatModel,
		messages: hello,
		options: { temperature: 'hot' },
	}),
	post('embed, chat model', '/api/embed', { model: chatModel, input: 'x' }),
	post('embed, cloud name', '/api/embed', { model: 'x:cloud', input: 'x' }),
	{ name: 'ps, head', method: 'HEAD', path: '/api/ps' },
	{ name: 'chat, delete', method: 'DELETE', path: '/api/chat' },

	post('embed, one', '/api/embed', { model: vectorModel, input: 'a kitten' }),
	post(
		'embed, several',
		'/api/embed',
		{ model: vectorModel, input: ['a kitten', 'a rug'] },
		{ value: (answer) => answer.embeddings.map((vector) => vector.length) },
	),
	post(
		'embed, shortened',
		'/api/embed',
		{ model: vectorModel, input: 'x', dimensions: 8 },
		{ value: (answer) => answer.embeddings[0].length },
	),
	post('embed, nothing', '/api/embed', { model: vectorModel, input: '' }),
	post('embed, wrong input', '/api/embed', { model: vectorModel, input: 5 }),
	post('embed, wrong input in a list', '/api/embed', { model: vectorModel, input: [5] }),
	post('embed, too long and not to be cut', '/api/embed', { model: vectorModel, input: long, truncate: false }),

	post('keep for ever', '/api/generate', { model: chatModel, keep_alive: -1 }),
	get('ps, for ever first', '/api/ps', { value: (answer) => answer.models.map((model) => model.name) }),
	post('unload', '/api/generate', { model: chatModel, keep_alive: 0 }),
	post('unload by chat', '/api/chat', { model: vectorModel, messages: [], keep_alive: '0s' }),
	get('ps, all unloaded', '/api/ps', { settles: (answer) => answer.models.length === 0 }),
	post('unload what is not loaded', '/api/generate', { model: chatModel, keep_alive: 0 }),
];
