import type { Message, MessageContent, Tool } from '@n8n/ai-node-sdk';

import type { AskRequest } from '../../engine/contract';

type Turn = NonNullable<AskRequest['messages']>[number];
type File = Extract<MessageContent, { type: 'file' }>;

/** How the first bytes of each kind of picture look in base64. */
const PICTURES = ['/9j/', 'iVBORw0KGgo', 'R0lGOD', 'UklGR', 'Qk0'];

/** A part of a message that no Ollama model can read. */
export class UnreadablePart extends Error {}

/** The conversation in Ollama's shape. `load` fetches the picture behind an address, as base64. */
export async function turnsOf(messages: Message[], load: (url: string) => Promise<string>): Promise<Turn[]> {
	const turns: Turn[] = [];
	for (const message of messages) {
		const turn = await turnOf(message, load);
		const before = turns.at(-1);
		// n8n's agent sends pictures in a message of their own, without the text that asks about them.
		if (turn.role === 'user' && before?.role === 'user' && turn.content === '' && turn.images) {
			before.images = [...((before.images as string[] | undefined) ?? []), ...(turn.images as string[])];
		} else turns.push(turn);
	}
	return turns;
}

/** The tools in Ollama's shape. `schemaOf` is the SDK's own reading of a tool's parameters. */
export function toolsOf(tools: Tool[], schemaOf: (tool: never) => unknown): Array<Record<string, unknown>> {
	return tools.flatMap((tool) => {
		if (tool.type !== 'function') return [];
		const { name, description = '' } = tool;
		return [{ type: 'function', function: { name, description, parameters: schemaOf(tool as never) } }];
	});
}

async function turnOf(message: Message, load: (url: string) => Promise<string>): Promise<Turn> {
	const texts: string[] = [];
	const images: string[] = [];
	const calls: Array<Record<string, unknown>> = [];
	const turn: Turn = { role: message.role };
	for (const part of message.content) {
		switch (part.type) {
			case 'text':
				texts.push(part.text);
				break;
			case 'file':
				if (isText(part)) texts.push(Buffer.from(base64Of(part.data), 'base64').toString('utf8'));
				else images.push(await pictureOf(part, load));
				break;
			case 'tool-call':
				calls.push({ ...(part.toolCallId && { id: part.toolCallId }), function: callOf(part) });
				break;
			case 'tool-result':
				texts.push(typeof part.result === 'string' ? part.result : plainText(part.result));
				turn.tool_call_id = part.toolCallId;
				break;
			case 'reasoning':
			case 'citation':
			case 'provider':
			case 'invalid-tool-call':
				break;
		}
	}
	turn.content = texts.join('\n');
	if (images.length > 0) turn.images = images;
	if (calls.length > 0) turn.tool_calls = calls;
	if (message.role === 'tool' && message.name) turn.tool_name = message.name;
	return turn;
}

function callOf({
	toolName,
	toolCallId,
	input,
}: Extract<MessageContent, { type: 'tool-call' }>): Record<string, unknown> {
	const given = parsed(input);
	// n8n's agent adds the call's id to the arguments that it repeats; small models would copy it.
	const { id, ...others } = given;
	return { name: toolName, arguments: id !== undefined && id === toolCallId ? others : given };
}

function parsed(json: string): Record<string, unknown> {
	try {
		const value: unknown = JSON.parse(json);
		return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
	} catch {
		return {};
	}
}

/** What a tool returned in several parts: their texts, one a line; anything else as JSON. */
function plainText(result: unknown): string {
	if (!Array.isArray(result)) return JSON.stringify(result);
	return result
		.map((part) =>
			(part as { type?: string }).type === 'text' ? (part as { text: string }).text : JSON.stringify(part),
		)
		.join('\n');
}

const isText = (file: File): boolean => file.mediaType?.startsWith('text/') === true && file.data !== undefined;

async function pictureOf(file: File, load: (url: string) => Promise<string>): Promise<string> {
	const url = file.providerMetadata?.url;
	if (file.data === undefined && typeof url === 'string') return await load(url);
	const data = base64Of(file.data);
	const isPicture = file.mediaType?.startsWith('image/') ?? PICTURES.some((start) => data.startsWith(start));
	if (isPicture && data !== '') return data;
	throw new UnreadablePart(`a file of type ${file.mediaType ?? 'unknown'} is no picture and no text`);
}

function base64Of(data: string | Uint8Array | undefined): string {
	return typeof data === 'string' ? data : Buffer.from(data ?? []).toString('base64');
}
