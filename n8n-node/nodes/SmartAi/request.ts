import type { EngineWish } from '../../engine/choice';
import type { AskRequest, Mode } from '../../engine/contract';
import type { DecisionDetail } from './output';

/** The Options collection as n8n hands it over: only what the user added. */
export interface Options {
	concurrency?: number;
	deadline?: number;
	decision?: DecisionDetail;
	engine?: EngineWish;
	host?: string;
	imageFields?: string;
	includeInput?: boolean;
	json?: boolean;
	keepAlive?: string;
	maxTokens?: number;
	ollama?: string | object;
	rollout?: 'off' | 'percent' | 'shadow';
	rolloutKey?: string;
	rolloutPercent?: number;
	schema?: string | object;
	shape?: string;
	simplify?: boolean;
	system?: string;
	temperature?: number;
	think?: boolean;
	topP?: number;
}

/** A parameter that cannot be sent, and what to do about it. */
export class UnusableParameter extends Error {
	constructor(
		message: string,
		readonly hint: string,
	) {
		super(message);
		this.name = 'UnusableParameter';
	}
}

/** What any ask says beside its content. `ownShape` is the key of this node in this workflow. */
export function baseRequest(mode: Mode, model: string, options: Options, ownShape: string): AskRequest {
	const request: AskRequest = { mode, shape: options.shape?.trim() || ownShape };
	if (model.trim()) request.model = model.trim();
	if (options.host?.trim()) request.host = options.host.trim();
	const rollout = rolloutOf(options);
	if (rollout && !request.model && !request.host) {
		throw new UnusableParameter(
			'The option Rollout has nothing to compare with',
			'Choose the model that answers today in the parameter Model.',
		);
	}
	if (rollout) request.rollout = rollout;
	if (options.deadline) request.deadline_ms = Math.round(options.deadline * 1000);
	if (options.system) request.system = options.system;
	if (options.maxTokens !== undefined) request.max_tokens = options.maxTokens;
	if (options.json) request.schema = 'json';
	if (options.schema !== undefined && options.schema !== '') {
		request.schema = jsonObject(options.schema, 'JSON schema', 'in the option JSON Schema');
	}
	if (options.think !== undefined) request.think = options.think;
	const keepAlive = options.keepAlive?.trim();
	if (keepAlive) request.keep_alive = /^-?\d+$/.test(keepAlive) ? Number(keepAlive) : keepAlive;
	const generation = {
		...jsonObject(options.ollama ?? {}, 'option Ollama Options', 'there, such as {"top_k": 40}'),
		...(options.temperature !== undefined && { temperature: options.temperature }),
		...(options.topP !== undefined && { top_p: options.topP }),
	};
	if (Object.keys(generation).length > 0) request.options = generation;
	return request;
}

function rolloutOf({ rollout = 'off', rolloutKey, rolloutPercent = 10 }: Options): AskRequest['rollout'] {
	if (rollout === 'off') return undefined;
	const key = String(rolloutKey ?? '').trim();
	return { percent: rollout === 'percent' ? Math.round(rolloutPercent) : 0, ...(key && { key }) };
}

/** A JSON object that a user entered as text or by an expression; `what` it is, and `where` to enter it. */
export function jsonObject(given: string | object, what: string, where: string): Record<string, unknown> {
	const unusable = (why: string): UnusableParameter =>
		new UnusableParameter(`The ${what} cannot be used: ${why}`, `Enter a JSON object ${where}.`);
	let value: unknown = given;
	try {
		if (typeof given === 'string') value = JSON.parse(given);
	} catch (error) {
		throw unusable((error as Error).message);
	}
	if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
	throw unusable('it is not an object');
}

/** The text of a parameter, which must hold some. */
export function contentAt(text: string, parameter: string): string {
	if (text.trim() !== '') return text;
	throw new UnusableParameter(
		`The parameter ${parameter} is empty`,
		'Correct its expression: the field that it names may be missing in this item.',
	);
}
