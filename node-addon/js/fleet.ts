import type {
	Answer,
	Ask,
	Decision,
	DispatchError,
	Feedback,
	FleetConfig,
	HostSnapshot,
	Prepare,
	Prepared,
	Snapshot,
} from './contract/generated/core.js';
import { refusalOf, SmartAiError } from './contract/error.js';
import type { AnswerStream, AskOptions, SmartAi } from './contract/smart-ai.js';
import { streamed } from './contract/stream.js';
import { askJson, jsonOf, optionsOf } from './contract/taken.js';
import { called, type Native } from './native.js';

/** Where decisions, outcomes and what was learned are kept, and what of them. */
export interface HistoryConfig {
	/** `default` (a file in the user's data folder), a file, `postgres://…`, or `off`. */
	url?: string;
	/** Whether prompts and answers are kept, too; they are not unless this says so. */
	prompts?: boolean;
	/** Older jobs are deleted; 90 days if absent. */
	keep_days?: number;
	/** Beyond this many jobs the oldest are deleted; a million if absent. */
	keep_rows?: number;
	/** Rows that may wait for a slow store, 10,000 if absent; more are dropped. */
	queue_rows?: number;
}

/** A fleet, and its history where one is kept: the place alone, or with what is kept. */
export type NativeFleetConfig = FleetConfig & { history?: string | HistoryConfig };

/** An answer, and what the history calls its job. */
export interface KeptAnswer extends Answer {
	/**
	 * The name that `smart-ai rate` and `smart-ai history --job` take. Absent where no history is kept, where the ask was
	 * cancelled or made no sense, and where it was many jobs: texts to embed that were asked in parts.
	 */
	job?: string;
}

/** The native runtime behind the interface that every engine has. */
export class NativeFleet implements SmartAi<KeptAnswer> {
	readonly engine = 'native';
	readonly #native: Native;
	readonly #engine: InstanceType<Native['Engine']>;
	#closed = false;

	constructor(native: Native, config: NativeFleetConfig, learned?: Snapshot) {
		this.#native = native;
		const { history, ...fleet } = JSON.parse(jsonOf(config ?? null, 'the configuration', 'config_invalid')) ?? {};
		const kept = history === undefined ? undefined : JSON.stringify(history);
		const known = learned === undefined ? undefined : jsonOf(learned, 'what was learned');
		this.#engine = called(() => new native.Engine(JSON.stringify(config == null ? null : fleet), kept, known));
	}

	get closed(): boolean {
		return this.#closed || this.#engine.closed();
	}

	async ask(ask: Ask, options?: AskOptions): Promise<KeptAnswer> {
		this.#mustBeOpen();
		const { signal, onText } = optionsOf(options);
		let json: string;
		try {
			json = askJson(ask);
		} catch (error) {
			return JSON.parse(this.#native.answerRefused('null', JSON.stringify(refusalOf(error))));
		}
		const cancel = new this.#native.Cancel();
		const end = () => cancel.cancel();
		let thrown: { error: unknown } | undefined;
		const heard = (text: string) => {
			try {
				if (thrown === undefined) onText?.(text);
			} catch (error) {
				thrown = { error };
				end();
			}
		};
		signal?.addEventListener('abort', end);
		if (signal?.aborted) end();
		try {
			const answer = await this.#engine.ask(json, cancel, onText && heard);
			if (thrown !== undefined) throw thrown.error;
			return JSON.parse(answer);
		} finally {
			signal?.removeEventListener('abort', end);
		}
	}

	stream(ask: Ask, options?: AskOptions): AnswerStream<KeptAnswer> {
		return streamed((heard) => this.ask(ask, heard), options);
	}

	async decide(ask: Ask): Promise<Decision> {
		this.#mustBeOpen();
		return value<Decision>(await this.#engine.decide(askJson(ask)));
	}

	async prepare(wish: Prepare): Promise<Prepared> {
		this.#mustBeOpen();
		return value<Prepared>(await this.#engine.prepare(jsonOf(wish, 'the wish')));
	}

	async feedback(feedback: Feedback): Promise<void> {
		this.#mustBeOpen();
		const json = jsonOf(feedback, 'the feedback');
		called(() => this.#engine.feedback(json));
	}

	async models(): Promise<HostSnapshot[]> {
		return (await this.snapshot()).hosts;
	}

	async snapshot(): Promise<Snapshot> {
		this.#mustBeOpen();
		return value<Snapshot>(await this.#engine.snapshot());
	}

	async drain(): Promise<void> {
		this.#closed = true;
		await this.#engine.drain();
	}

	close(): void {
		this.#closed = true;
		void this.#engine.close();
	}

	#mustBeOpen(): void {
		if (this.#closed) throw new SmartAiError('closed', 'this dispatcher is closed; create another');
	}
}

function value<T>(text: string): T {
	const read = JSON.parse(text) as { Ok: T } | { Err: DispatchError };
	if ('Err' in read) throw new SmartAiError(read.Err.code, read.Err.message, { hint: read.Err.hint });
	return read.Ok;
}
