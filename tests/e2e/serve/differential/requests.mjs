// The requests that a real Ollama and the proxy before it are to answer alike: routes × forms × oddities.
import { tags } from '../../bed/models.mjs';

export const chatModel = tags.smollm2;
export const tinyModel = tags.randomTiny;
export const vectorModel = tags.minilm;

const options = { num_predict: 5, seed: 7, temperature: 0 };
const messages = [{ role: 'user', content: 'Say hello.' }];
const tool = {
	type: 'function',
	function: { name: 'now', description: 'The time', parameters: { type: 'object', properties: {} } },
};
const schema = {
	type: 'object',
	properties: { b: { type: 'boolean' }, a: { enum: ['x', 'y'] } },
	required: ['b', 'a'],
};
// A red dot.
const image = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

/** A request that runs a model, by each API: its path, the smallest body, and how it is told to be short. */
const texts = {
	chat: { path: '/api/chat', body: { model: chatModel, messages, options } },
	generate: { path: '/api/generate', body: { model: chatModel, prompt: 'Once upon', options } },
	openai: {
		path: '/v1/chat/completions',
		body: { model: chatModel, messages, max_tokens: 5, seed: 7, temperature: 0 },
	},
	completion: {
		path: '/v1/completions',
		body: { model: chatModel, prompt: 'Once upon', max_tokens: 5, seed: 7, temperature: 0 },
	},
	response: {
		path: '/v1/responses',
		body: { model: chatModel, input: 'Say hello.', max_output_tokens: 5, temperature: 0 },
	},
	message: { path: '/v1/messages', body: { model: chatModel, messages, max_tokens: 5, temperature: 0 } },
};
const vectors = {
	embed: { path: '/api/embed', body: { model: vectorModel, input: 'a text' } },
	embeddings: { path: '/api/embeddings', body: { model: vectorModel, prompt: 'a text' } },
	openaiEmbeddings: { path: '/v1/embeddings', body: { model: vectorModel, input: 'a text' } },
};
const runs = { ...texts, ...vectors };

/** What is sent in place of a body that is right, with `model` its model's name. */
const broken = {
	'no body': () => '',
	'not JSON': () => 'nope',
	'cut JSON': (body) => JSON.stringify(body).slice(0, -4),
	'a list': () => '[]',
	'a byte order mark': (body) => `\ufeff${JSON.stringify(body)}`,
	'no model': ({ model, ...body }) => body,
	'model null': (body) => ({ ...body, model: null }),
	'model a number': (body) => ({ ...body, model: 5 }),
	'model empty': (body) => ({ ...body, model: '' }),
	'model unknown': (body) => ({ ...body, model: 'nope' }),
	'model with a space': (body) => ({ ...body, model: 'a b' }),
};

/** What is odd, and read all the same. */
const odd = {
	'name in capitals': (body) => ({ ...body, model: body.model.toUpperCase() }),
	'name with its library': (body) => ({ ...body, model: `library/${body.model}` }),
	'name with its registry': (body) => ({ ...body, model: `registry.ollama.ai/library/${body.model}` }),
	'name said to be local': (body) => ({ ...body, model: `${body.model}:local` }),
	'keys in capitals': (body) =>
		Object.fromEntries(Object.entries(body).map(([key, value]) => [key.toUpperCase(), value])),
	'a key twice': (body) => JSON.stringify(body).replace('{', '{"model":"nope",'),
	'text behind the object': (body) => `${JSON.stringify(body)} and more`,
	'unknown keys': (body) => ({ nothing: { of: ['interest', 1e3] }, ...body, zero: null }),
};

const group = (name, cases) => ({ name, cases });
const post = (name, path, body, more = {}) => ({ name, method: 'POST', path, body, ...more });
const get = (name, path, more = {}) => ({ name, method: 'GET', path, ...more });
const changed = (of, changes) =>
	Object.entries(of).flatMap(([kind, { path, body }]) =>
		Object.entries(changes).map(([name, change]) => post(`${kind}: ${name}`, path, change(body))),
	);
const chat = (name, body, more) => post(name, '/api/chat', { ...texts.chat.body, ...body }, more);
const generate = (name, body, more) => post(name, '/api/generate', { ...texts.generate.body, ...body }, more);
const openai = (name, body) => post(name, '/v1/chat/completions', { ...texts.openai.body, ...body });
const said = (content, more = {}) => ({ stream: false, messages: [{ role: 'user', content, ...more }] });
const embed = (name, body) => post(name, '/api/embed', { model: vectorModel, ...body });

export const groups = [
	group('answers, streamed and whole', [
		...Object.entries(texts).flatMap(([kind, { path, body }]) => [
			post(`${kind}, streamed`, path, { ...body, stream: true }),
			post(`${kind}, whole`, path, { ...body, stream: false }),
			post(`${kind}, not said`, path, body),
		]),
		openai('openai, whole, with a reason to stop of its own', { stop: ['o'], max_tokens: 20 }),
		openai('openai, whole, with counts asked for', { stream: false, stream_options: { include_usage: true } }),
		openai('openai, whole, no words', { stop: ['Hello', 'H', 'I', '!'], max_tokens: 1 }),
		post('response, whole, with tools and a format', '/v1/responses', {
			...texts.response.body,
			tools: [
				{ type: 'function', name: 'now', description: 'The time', parameters: { type: 'object', properties: {} } },
			],
			text: { format: { type: 'text' } },
			instructions: 'Be brief.',
		}),
		post('message, whole, stopped', '/v1/messages', { ...texts.message.body, stop_sequences: ['o'], max_tokens: 20 }),
		openai('openai, streamed with counts', { stream: true, stream_options: { include_usage: true } }),
		openai('openai, streamed without counts', { stream: true, stream_options: { include_usage: false } }),
		...Object.entries(vectors).map(([kind, { path, body }]) => post(kind, path, body)),
	]),
	group('bodies that are wrong', changed(runs, broken)),
	group('bodies that are odd', changed({ chat: runs.chat, openai: runs.openai, embed: runs.embed }, odd)),
	group('what a message may be', [
		chat('several roles', {
			stream: false,
			messages: [
				{ role: 'system', content: 'Be brief.' },
				{ role: 'user', content: 'Hi' },
				{ role: 'assistant', content: 'Hello' },
				{ role: 'user', content: 'And?' },
			],
		}),
		chat('an answer begun', { stream: false, messages: [...messages, { role: 'assistant', content: 'Hel' }] }),
		chat('a role nobody knows', { stream: false, messages: [{ role: 'robot', content: 'Hi' }] }),
		chat('content null', said(null)),
		chat('content empty', said('')),
		chat('content in parts', said([{ type: 'text', text: 'Hi' }])),
		chat('content a number', said(5)),
		chat('messages not a list', { messages: 'Hi' }),
		chat('messages null', { messages: null }),
		chat('an image that the model cannot see', said('What is this?', { images: [image] })),
		chat('an image that is none', said('What is this?', { images: ['!'] })),
		post(
			'half an emoji',
			'/api/chat',
			JSON.stringify({ ...texts.chat.body, ...said('cut X'), model: chatModel }).replace('X', '\\ud83d'),
		),
		post(
			'half an emoji in a key',
			'/api/chat',
			JSON.stringify({ ...texts.chat.body, ...said('cut') }).replace('{', '{"\\ude00":1,'),
		),
		post(
			'bytes that are no text',
			'/api/chat',
			Buffer.concat([
				Buffer.from(`{"model":"${chatModel}","stream":false,"options":${JSON.stringify(options)},`),
				Buffer.from('"messages":[{"role":"user","content":"a'),
				Buffer.from([0xff, 0xfe]),
				Buffer.from('"}]}'),
			]),
		),
		chat('a zero sign', said('a\u0000b')),
		openai('parts', { messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }] }),
		openai('an image by URL', {
			messages: [
				{ role: 'user', content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${image}` } }] },
			],
		}),
		openai('no messages', { messages: [] }),
		post('response: a list', '/v1/responses', {
			...texts.response.body,
			input: [{ role: 'user', content: [{ type: 'input_text', text: 'Hi' }] }],
			instructions: 'Be brief.',
		}),
		post('message: system in parts', '/v1/messages', {
			...texts.message.body,
			system: [{ type: 'text', text: 'Be brief.' }],
			messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
		}),
		post('message: streamed, thinking asked for', '/v1/messages', {
			...texts.message.body,
			stream: true,
			thinking: { type: 'enabled', budget_tokens: 1024 },
		}),
		post('completion: a list of prompts', '/v1/completions', { ...texts.completion.body, prompt: ['Once', 'Twice'] }),
	]),
	group('what a model cannot do', [
		...[true, false].flatMap((stream) => [
			chat(`thinking, ${stream}`, { stream, think: true }),
			chat(`no thinking, ${stream}`, { stream, think: false }),
			chat(`tools, ${stream}`, { stream, tools: [tool] }),
			generate(`suffix, ${stream}`, { stream, suffix: 'the end' }),
			openai(`effort, ${stream}`, { stream, reasoning_effort: 'low' }),
			openai(`tools, ${stream}`, { stream, tools: [tool] }),
		]),
		chat('thinking at a level nobody knows', { think: 'deeply' }),
		chat('vectors only', { model: vectorModel }),
		generate('vectors only, whole', { model: vectorModel, stream: false }),
		embed('no vectors', { model: tinyModel, input: 'a' }),
	]),
	group('options', [
		chat('unknown', { stream: false, options: { ...options, no_such: 1 } }),
		chat('of a wrong kind', { options: { num_ctx: 'big' } }),
		chat('null', { stream: false, think: null, keep_alive: null, format: null }),
		chat('stop', { stream: false, options: { ...options, stop: ['o'] } }),
		chat('stop, not a list', { options: { stop: 'o' } }),
		chat('a number as float', { stream: false, options: { ...options, num_predict: 3.0, seed: 12345678901234568 } }),
		chat('no words', { stream: false, options: { ...options, num_predict: 0 } }),
		chat('logprobs', { stream: false, logprobs: true, top_logprobs: 2 }),
		chat('logprobs, streamed', { logprobs: true, top_logprobs: 2 }),
		chat('logprobs out of range', { top_logprobs: 21 }),
		chat('schema', { stream: false, format: schema, options: { ...options, num_predict: 40 } }),
		chat('schema, streamed', { format: schema, options: { ...options, num_predict: 40 } }),
		chat('json', { stream: false, format: 'json', options: { ...options, num_predict: 20 } }),
		chat('no format', { stream: false, format: '' }),
		chat('a format nobody knows', { format: 'xml' }),
		generate('raw', { stream: false, raw: true }),
		generate('a template', { stream: false, template: '{{ .Prompt }}!' }),
		generate('a system text', { stream: false, system: 'Be brief.' }),
		generate('context of before', { stream: false, context: [1, 2, 3] }),
		generate('an image that is none', { images: ['!'] }),
		openai('response_format', {
			response_format: { type: 'json_schema', json_schema: { name: 'x', schema } },
			max_tokens: 40,
		}),
		openai('n of 2', { n: 2 }),
		openai('max_tokens of a wrong kind', { max_tokens: 'few' }),
		openai('logprobs', { logprobs: true, top_logprobs: 2 }),
		chat('cut to its context', {
			stream: false,
			options: { ...options, num_ctx: 512 },
			messages: [{ role: 'user', content: 'word '.repeat(700) }],
		}),
		chat('too long and not to be cut', {
			stream: false,
			truncate: false,
			options: { ...options, num_ctx: 512 },
			messages: [{ role: 'user', content: 'word '.repeat(700) }],
		}),
	]),
	group('vectors', [
		embed('a list', { input: ['a', 'b', 'c'] }),
		embed('an empty list', { input: [] }),
		embed('an empty text', { input: '' }),
		embed('no input', {}),
		embed('input a number', { input: 5 }),
		embed('a list of numbers', { input: [1, 2] }),
		embed('dimensions', { input: 'a', dimensions: 8 }),
		embed('cut', { input: 'word '.repeat(600) }),
		embed('too long and not to be cut', { input: 'word '.repeat(600), truncate: false }),
		post('embeddings, no prompt', '/api/embeddings', { model: vectorModel }),
		post('openai, base64', '/v1/embeddings', { model: vectorModel, input: ['a', 'b'], encoding_format: 'base64' }),
		post('openai, a form nobody knows', '/v1/embeddings', { model: vectorModel, input: 'a', encoding_format: 'hex' }),
		post('openai, dimensions', '/v1/embeddings', { model: vectorModel, input: 'a', dimensions: 8 }),
		post('openai, empty', '/v1/embeddings', { model: vectorModel, input: '' }),
	]),
	group('loading, staying, leaving', [
		...[undefined, '10m', 600, '"90s"', -1, '-1m', 0.5, '5', true, '1h30m'].map((keep_alive) =>
			chat(`keep_alive ${JSON.stringify(keep_alive)}`, { stream: false, keep_alive }),
		),
		generate('keep_alive, streamed', { keep_alive: '20m' }),
		embed('keep_alive', { input: 'a', keep_alive: '20m' }),
		openai('after that', {}),
		chat('load by chat', { messages: [] }),
		generate('load by generate', { prompt: '' }),
		generate('load for so long', { prompt: '', keep_alive: '15m' }),
		chat('another context', { stream: false, options: { ...options, num_ctx: 1024 } }),
		chat('the same context', { stream: false, options: { ...options, num_ctx: 1024 } }),
		chat('unload by chat', { messages: [], keep_alive: 0 }, { leaves: true }),
		generate('unload by generate', { prompt: '', keep_alive: '0s' }, { leaves: true }),
		generate('unload what is not loaded', { model: tinyModel, prompt: '', keep_alive: 0 }, { leaves: true }),
		chat('answer and leave', { stream: false, keep_alive: 0 }, { leaves: true }),
		chat('cold, as the host likes', { stream: false }),
	]),
	group('what is told of models', [
		get('tags', '/api/tags'),
		get('models', '/v1/models'),
		get('one model', `/v1/models/${encodeURIComponent(chatModel)}`),
		get('one model in capitals', `/v1/models/${chatModel.toUpperCase()}`),
		get('one model that is not', '/v1/models/nope'),
		get('loaded', '/api/ps'),
		get('version', '/api/version'),
		get('root', '/'),
		{ name: 'root, head', method: 'HEAD', path: '/' },
		{ name: 'tags, head', method: 'HEAD', path: '/api/tags' },
		{ name: 'version, head', method: 'HEAD', path: '/api/version' },
		{ name: 'loaded, head', method: 'HEAD', path: '/api/ps' },
		post('show', '/api/show', { model: chatModel }),
		post('show by its old key', '/api/show', { model: '', name: chatModel }),
		post('show in full', '/api/show', { model: tinyModel, verbose: true }),
		post('show what is not', '/api/show', { model: 'nope' }),
		post('show nothing', '/api/show', {}),
		post('show, no body', '/api/show', ''),
		post('show, cut', '/api/show', '{"model":'),
		post('copy what is not', '/api/copy', { source: 'nope', destination: 'other' }),
		{ name: 'delete what is not', method: 'DELETE', path: '/api/delete', body: { model: 'nope' } },
		post('create nothing', '/api/create', {}),
		{ name: 'a file that is not there', method: 'HEAD', path: `/api/blobs/sha256:${'0'.repeat(64)}` },
	]),
	group('HTTP', [
		get('chat, wrong method', '/api/chat'),
		post('tags, wrong method', '/api/tags', {}),
		get('no such path', '/api/nope'),
		post('no such path, with a body', '/v1/nope', { model: chatModel }),
		chat('as plain text', { stream: false }, { headers: { 'content-type': 'text/plain' } }),
		chat('of no type', { stream: false }, { headers: { 'content-type': '' } }),
		chat('in chunks', { stream: false }, { chunked: true }),
		post('a query', '/api/chat?beta=true', { ...texts.chat.body, stream: false }),
		post('percent signs in the path', '/%61pi/chat', { ...texts.chat.body, stream: false }),
	]),
];
