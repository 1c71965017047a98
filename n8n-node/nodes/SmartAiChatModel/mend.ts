import type { IDataObject } from 'n8n-workflow';

/**
 * What of n8n's chat model adapter is touched. Nothing of it is promised: each mend looks whether its part is there, so
 * that a changed n8n only loses the extra.
 */
interface Adapter {
	callbacks?: unknown;
	_generate?: (messages: unknown[], options?: CallConfig, ...others: unknown[]) => Promise<Generated>;
	_streamResponseChunks?: (
		messages: unknown[],
		options?: CallConfig,
		...others: unknown[]
	) => AsyncIterable<GenerationChunk>;
	bindTools?: (tools: unknown[], options?: { tool_choice?: unknown }) => object;
}

interface Generated {
	generations: Array<{ generationInfo?: IDataObject }>;
}

interface GenerationChunk {
	generationInfo?: IDataObject;
	message?: { response_metadata?: IDataObject };
}

/** What a model is told of one call, beside the messages. */
export interface CallConfig {
	signal?: AbortSignal;
	abortSignal?: AbortSignal;
	/** `any` or `required`: the answer must call a tool. */
	tool_choice?: unknown;
	/** Filled by the model: who answered, and how. */
	report?: IDataObject;
}

type UsageParser = (result: { llmOutput?: { tokenUsage?: Record<string, number> } }) => IDataObject;

/**
 * n8n's adapter around our model, with what it drops: pictures, the choice of a tool, the tokens of a streamed answer,
 * and who answered.
 */
export function mended<T extends object>(adapter: T, toolChoice?: unknown): T {
	const given = adapter as Adapter;
	mendUsage(given.callbacks);
	mendGenerate(given, toolChoice);
	mendStream(given, toolChoice);
	const bindTools = given.bindTools?.bind(adapter);
	if (bindTools) {
		// An agent binds its tools a second time, without the choice that it made the first time.
		given.bindTools = (tools, options) => mended(bindTools(tools, options), options?.tool_choice ?? toolChoice);
	}
	return adapter;
}

/** LangChain renames the counters of a streamed answer; n8n's parser knows only the names of a whole one. */
function mendUsage(callbacks: unknown): void {
	if (!Array.isArray(callbacks)) return;
	for (const { options } of callbacks as Array<{ options?: { tokensUsageParser?: UsageParser } }>) {
		const parse = options?.tokensUsageParser;
		if (!options || typeof parse !== 'function') continue;
		options.tokensUsageParser = (result) => {
			const { promptTokens, completionTokens } = result.llmOutput?.tokenUsage ?? {};
			if (promptTokens === undefined || completionTokens === undefined) return parse(result);
			return { promptTokens, completionTokens, totalTokens: promptTokens + completionTokens };
		};
	}
}

function mendGenerate(adapter: Adapter, toolChoice: unknown): void {
	const generate = adapter._generate?.bind(adapter);
	if (!generate) return;
	adapter._generate = async (messages, options, ...others) => {
		const config = configOf(options, toolChoice);
		const result = await generate(messages.map(withPictures), config, ...others);
		for (const generation of result.generations) {
			generation.generationInfo = { ...generation.generationInfo, smart_ai: config.report };
		}
		return result;
	};
}

function mendStream(adapter: Adapter, toolChoice: unknown): void {
	const stream = adapter._streamResponseChunks?.bind(adapter);
	if (!stream) return;
	adapter._streamResponseChunks = async function* (messages, options, ...others) {
		const config = configOf(options, toolChoice);
		for await (const chunk of stream(messages.map(withPictures), config, ...others)) {
			// Only once: LangChain joins the texts of every chunk that has it.
			if (chunk.message?.response_metadata?.finish_reason) {
				chunk.generationInfo = { ...chunk.generationInfo, smart_ai: config.report };
			}
			yield chunk;
		}
	};
}

function configOf(options: CallConfig | undefined, toolChoice: unknown): CallConfig & { report: IDataObject } {
	return { ...options, ...(toolChoice !== undefined && { tool_choice: toolChoice }), report: {} };
}

/** The message with its pictures as blocks that the adapter takes; of the same class, since the adapter asks for it. */
function withPictures(message: unknown): unknown {
	const { content } = message as { content?: unknown };
	if (!Array.isArray(content)) return message;
	const copy: object = Object.create(Object.getPrototypeOf(message) as object);
	return Object.assign(copy, message, { content: content.map(pictureBlock) });
}

function pictureBlock(block: Record<string, unknown>): Record<string, unknown> {
	if (block.type === 'image_url') {
		const given = block.image_url as string | { url?: string } | undefined;
		const url = (typeof given === 'string' ? given : given?.url) ?? '';
		const [, mimeType, data] = /^data:([^;,]*)[^,]*,(.*)$/s.exec(url) ?? [];
		return data === undefined ? { type: 'image', url } : { type: 'image', mimeType, data };
	}
	if (typeof block.mime_type === 'string' && block.mimeType === undefined) {
		return { ...block, mimeType: block.mime_type };
	}
	return block;
}
