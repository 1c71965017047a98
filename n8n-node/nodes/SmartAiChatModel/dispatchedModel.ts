import type { ChatModel, GenerateResult, Message, StreamChunk, Tool } from '@n8n/ai-node-sdk';
import type { IDataObject } from 'n8n-workflow';

import type { Answer, AskRequest, Engine, Served } from '../../engine/contract';
import { toolsOf, turnsOf } from './conversation';
import type { CallConfig } from './mend';
import { Pieces } from './pieces';

const FORCED = '\n\nAnswer by calling one of the tools, not by text.';

/** What a model needs of the node that it stands for. */
export interface Surroundings {
	engine: Engine;
	/** What every call has: mode, limits, options. */
	defaults: AskRequest;
	/** Ends with the execution: some of n8n's nodes pass no signal on. */
	cancel?: AbortSignal;
	/** The picture behind an address, as base64. */
	load(url: string): Promise<string>;
	/** The parameters of a tool, as a JSON schema. */
	schemaOf(tool: never): unknown;
	/** Tells the user who answered. */
	tell(answer: Served): void;
	/** What to throw for an answer that failed; `streamed` where only its description is shown. */
	failure(answer: Answer, streamed: boolean): Error;
}

/** A chat model as n8n's SDK wants it, of which every call is dispatched for what it holds. */
export class DispatchedModel implements ChatModel {
	readonly provider = 'smart-ai';

	readonly modelId: string;

	constructor(
		private readonly around: Surroundings,
		private readonly tools: Tool[] = [],
	) {
		this.modelId = around.defaults.model ?? 'auto';
	}

	/** Of a tool that is bound twice, the last counts: an agent that forces a tool binds each again. */
	withTools(tools: Tool[]): DispatchedModel {
		const byName = new Map([...this.tools, ...tools].map((tool) => [tool.name, tool]));
		return new DispatchedModel(this.around, [...byName.values()]);
	}

	async generate(messages: Message[], config: CallConfig = {}): Promise<GenerateResult> {
		const request = await this.request(messages, config);
		const answer = await this.around.engine.ask(request, { signal: this.signal(config) });
		if (!answer.ok) throw this.around.failure(answer, false);
		this.report(answer, config);
		const calls = callsOf(answer);
		return {
			finishReason: calls.length > 0 ? 'tool-calls' : 'stop',
			usage: usageOf(answer),
			message: {
				role: 'assistant',
				// Some of n8n's nodes read only the first part, and only where it is a text.
				content: [
					{ type: 'text', text: answer.text },
					...calls.map(({ id, name, input }) => ({
						type: 'tool-call' as const,
						toolCallId: id,
						toolName: name,
						input,
					})),
				],
			},
		};
	}

	async *stream(messages: Message[], config: CallConfig = {}): AsyncIterable<StreamChunk> {
		const request = await this.request(messages, config);
		const left = new AbortController();
		const signal = AbortSignal.any([left.signal, ...[this.signal(config)].flatMap((it) => it ?? [])]);
		const pieces = new Pieces();
		// Both ways of ending are kept: whoever stops reading leaves nobody to catch a rejection.
		const asked = this.around.engine
			.ask(request, { signal, onText: (text) => pieces.push(text) })
			.then(
				(answer) => ({ answer }),
				(error: Error) => ({ error }),
			)
			.finally(() => pieces.end());
		let streamed = false;
		try {
			for await (const delta of pieces) {
				streamed = true;
				yield { type: 'text-delta', delta };
			}
		} finally {
			// Whoever stops reading wants no more of it.
			left.abort();
		}
		const ended = await asked;
		if ('error' in ended) throw ended.error;
		const { answer } = ended;
		// What was shown cannot be taken back, and an error would have a fallback say it all again.
		if (!answer.ok && (!streamed || signalled(this.signal(config)))) throw this.around.failure(answer, true);
		if (answer.ok && !streamed && answer.text !== '') yield { type: 'text-delta', delta: answer.text };
		this.report(answer, config);
		const calls = callsOf(answer);
		for (const { id, name, input } of calls) yield { type: 'tool-call-delta', id, name, argumentsDelta: input };
		const whole = calls.length > 0 ? 'tool-calls' : 'stop';
		yield { type: 'finish', finishReason: answer.ok ? whole : 'other', usage: usageOf(answer) };
	}

	private async request(messages: Message[], { tool_choice: choice }: CallConfig): Promise<AskRequest> {
		const { defaults, load, schemaOf } = this.around;
		const turns = await turnsOf(messages, load);
		const request: AskRequest = { ...defaults, messages: turns };
		// Every call of a conversation fares alike: what it began with decides.
		const opening = turns.find(({ role }) => role === 'user')?.content;
		if (defaults.rollout && opening) request.rollout = { key: opening, ...defaults.rollout };
		if (this.tools.length > 0 && choice !== 'none') {
			request.tools = toolsOf(this.tools, schemaOf);
			// Ollama has no such setting: the model is told in words.
			const asking = request.messages?.at(-1);
			if (asking?.role === 'user' && (choice === 'any' || choice === 'required')) asking.content += FORCED;
		}
		return request;
	}

	private signal({ signal, abortSignal }: CallConfig): AbortSignal | undefined {
		const signals = [signal, abortSignal, this.around.cancel].flatMap((given) => given ?? []);
		return signals.length > 0 ? AbortSignal.any(signals) : undefined;
	}

	private report(answer: Served, { report }: CallConfig): void {
		this.around.tell(answer);
		if (report) Object.assign(report, reportOf(answer));
	}
}

const signalled = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

/** Who answered and why, for the sub-node's output. */
function reportOf(answer: Served): IDataObject {
	const { model, host, ms, thinking, decision, error, engine } = answer;
	return {
		model,
		host,
		ms: ms.total,
		engine,
		...(decision && { reason: decision.reason }),
		...(decision?.comparison && { rollout: { ...decision.comparison } }),
		...(thinking && { thinking }),
		...(error && { cut_off: error.message }),
	};
}

function usageOf({ usage }: Answer): NonNullable<GenerateResult['usage']> {
	const { prompt_tokens: promptTokens, output_tokens: completionTokens } = usage;
	return { promptTokens, completionTokens, totalTokens: promptTokens + completionTokens };
}

interface ToolCall {
	id: string;
	name: string;
	input: string;
}

let lastCall = 0;

/** The tools the model calls, each under an id of its own: Ollama need not give one. */
function callsOf(answer: Answer): ToolCall[] {
	return (answer.tool_calls ?? []).map((call) => {
		const { name, arguments: given } = call.function as { name: string; arguments?: unknown };
		lastCall += 1;
		const id = typeof call.id === 'string' && call.id !== '' ? call.id : `call_${lastCall}`;
		return { id, name, input: typeof given === 'string' ? given : JSON.stringify(given ?? {}) };
	});
}
