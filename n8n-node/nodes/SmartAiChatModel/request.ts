import type { EngineWish } from '../../engine/choice';
import type { AskRequest, Mode } from '../../engine/contract';
import { UnusableParameter } from '../SmartAi/request';

/** The Options collection as n8n hands it over: only what the user added. */
export interface ChatOptions {
	deadline?: number;
	engine?: EngineWish;
	host?: string;
	json?: boolean;
	keepAlive?: string;
	maxTokens?: number;
	ollama?: string | object;
	temperature?: number;
	think?: boolean;
	topP?: number;
}

/** What every call of one sub-node has in common. `shape` is the key of this node in this workflow. */
export function chatDefaults(mode: Mode, model: string, options: ChatOptions, shape: string): AskRequest {
	const request: AskRequest = { mode, shape };
	if (model.trim()) request.model = model.trim();
	if (options.host?.trim()) request.host = options.host.trim();
	if (options.deadline) request.deadline_ms = Math.round(options.deadline * 1000);
	if (options.maxTokens !== undefined) request.max_tokens = options.maxTokens;
	if (options.json) request.schema = 'json';
	if (options.think !== undefined) request.think = options.think;
	const keepAlive = options.keepAlive?.trim();
	if (keepAlive) request.keep_alive = /^-?\d+$/.test(keepAlive) ? Number(keepAlive) : keepAlive;
	const generation = {
		...ollamaOptions(options.ollama),
		...(options.temperature !== undefined && { temperature: options.temperature }),
		...(options.topP !== undefined && { top_p: options.topP }),
	};
	if (Object.keys(generation).length > 0) request.options = generation;
	return request;
}

function ollamaOptions(given: string | object = {}): object {
	let value: unknown = given;
	try {
		if (typeof given === 'string') value = JSON.parse(given.trim() || '{}');
	} catch (error) {
		throw unusable((error as Error).message);
	}
	if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unusable('it is not an object');
	return value;
}

const unusable = (why: string): UnusableParameter =>
	new UnusableParameter(
		`The option Ollama Options cannot be used: ${why}`,
		'Enter a JSON object such as {"top_k": 40} in the option Ollama Options.',
	);
