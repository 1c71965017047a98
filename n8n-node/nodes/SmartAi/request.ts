import type { EngineWish } from '../../engine/choice';
import type { AskRequest, Mode } from '../../engine/contract';
import type { DecisionDetail } from './output';

/** The Options collection as n8n hands it over: only what the user added. */
export interface Options {
	engine?: EngineWish;
	host?: string;
	decision?: DecisionDetail;
	concurrency?: number;
	schema?: string | object;
	maxTokens?: number;
	shape?: string;
	simplify?: boolean;
	system?: string;
	temperature?: number;
}

/** The parameters of one item, expressions resolved. */
export interface Parameters {
	prompt: string;
	task: NonNullable<AskRequest['task']>;
	mode: Mode;
	deadline: number;
	model: string;
	options: Options;
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

/** What to ask for one item. `ownShape` is the key of this node in this workflow. */
export function askRequest(parameters: Parameters, ownShape: string): AskRequest {
	const { options } = parameters;
	const request: AskRequest = {
		prompt: String(parameters.prompt ?? ''),
		task: parameters.task,
		mode: parameters.mode,
		shape: options.shape?.trim() || ownShape,
	};
	if (parameters.deadline > 0) request.deadline_ms = Math.round(parameters.deadline * 1000);
	if (parameters.model.trim()) request.model = parameters.model.trim();
	if (options.host?.trim()) request.host = options.host.trim();
	if (options.system) request.system = options.system;
	if (options.maxTokens !== undefined) request.max_tokens = options.maxTokens;
	if (options.temperature !== undefined) request.options = { temperature: options.temperature };
	if (options.schema !== undefined && options.schema !== '') {
		request.schema = schemaOf(options.schema);
	}
	return request;
}

function schemaOf(schema: string | object): Record<string, unknown> {
	const value = typeof schema === 'string' ? parsed(schema) : schema;
	if (typeof value !== 'object' || value === null || Array.isArray(value)) {
		throw unusableSchema('it is not an object');
	}
	return value as Record<string, unknown>;
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch (error) {
		throw unusableSchema((error as Error).message);
	}
}

function unusableSchema(why: string): UnusableParameter {
	return new UnusableParameter(
		`The JSON schema cannot be used: ${why}`,
		'Enter a JSON object such as {"type":"object","properties":{"title":{"type":"string"}}} in the option JSON Schema.',
	);
}
