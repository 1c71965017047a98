import { Alarm } from './alarm.js';
import { Call, type Gathered, nothing } from './call.js';
import type { Core, Dispatcher } from './core.js';
import { refusalOf, SmartAiError } from './error.js';
import { look, requestOf } from './exchange.js';
import type {
	Answer,
	Ask,
	Decision,
	Effect,
	Endpoint,
	Event,
	Failure,
	Feedback,
	Fleet,
	FleetConfig,
	HostSnapshot,
	Prepare,
	Prepared,
	Reply,
	Request,
	Snapshot,
	Step,
} from './generated/core.js';
import { askParts } from './parts.js';
import type { AnswerStream, AskOptions, SmartAi } from './smart-ai.js';
import { streamed } from './stream.js';
import { askJson, jsonOf, optionsOf } from './taken.js';
import type { Hands } from './transport.js';

/** What a model is asked that need only show that it writes. */
const CANARY: Ask = { prompt: 'Hi' };

/** What starts and stops hosts needs more than HTTP to Ollama. */
const NO_HANDS: Failure = {
	kind: 'bad_request',
	detail: 'starting and stopping hosts needs the sidecar, smart-ai serve',
};

interface Job {
	ask: Ask;
	options: AskOptions;
	settle(answer: Answer): void;
	fail(error: unknown): void;
}

interface Waiting {
	settle(prepared: Prepared): void;
	fail(error: unknown): void;
}

/** Carries out what core decides: moves bytes, keeps texts and clocks, holds no rule of its own. */
export class Driver implements SmartAi {
	readonly engine = 'wasm';
	readonly #fleet: Fleet;
	readonly #endpoints = new Map<string, Endpoint>();
	readonly #dispatcher: Dispatcher;
	readonly #alarm: Alarm;
	readonly #closing = new AbortController();
	readonly #jobs = new Map<number, Job>();
	/** By attempt. A call may outlive its job: a load is never cut short. */
	readonly #calls = new Map<number, Call>();
	readonly #looks = new Set<Promise<void>>();
	readonly #events: Event[] = [];
	#handling = false;
	#draining = false;
	#asks = 0;
	/** Who waits for a model to be in memory. */
	readonly #prepares = new Map<number, Waiting>();
	/** Until then, models are to be loaded that were prepared for later. */
	#plannedUntil = Number.NEGATIVE_INFINITY;
	/** Who waits for the last ask to end. */
	readonly #drained: (() => void)[] = [];
	#lastJob = 0;

	constructor(
		private readonly core: Core,
		private readonly hands: Hands,
		config: FleetConfig,
		seed = 0,
		learned?: Snapshot,
	) {
		this.#fleet = core.splitConfig(JSON.parse(jsonOf(config, 'the configuration', 'config_invalid')));
		const named = (server: Endpoint | null, at: string) =>
			(['ca', 'client_cert', 'client_key'] as const)
				.filter((text) => server?.[`${text}_file`] != null)
				.map((text) => [`${at}.${text}_file`, text]);
		const hosts = this.#fleet.hosts.flatMap((host, at) => named(host, `hosts[${at}]`));
		for (const [field, text] of [...hosts, ...named(this.#fleet.prometheus, 'prometheus')]) {
			throw new SmartAiError('config_invalid', `${field}: no file is read here; give its text as ${text}`, { field });
		}
		for (const endpoint of this.#fleet.hosts) this.#endpoints.set(endpoint.id, endpoint);
		const own = this.#fleet.config;
		this.#dispatcher = learned ? core.Dispatcher.restore(own, seed, learned) : new core.Dispatcher(own, seed);
		this.#alarm = new Alarm(hands, () => this.#post({ type: 'tick' }));
		this.#carryOut(this.#dispatcher.start(this.#now()));
	}

	get closed(): boolean {
		return this.#draining || this.#closing.signal.aborted;
	}

	async ask(asked: Ask, given?: AskOptions): Promise<Answer> {
		this.#mustBeOpen();
		const options = optionsOf(given);
		let ask: Ask | undefined;
		let parts: number[];
		try {
			ask = JSON.parse(askJson(asked)) as Ask;
			parts = this.core.askParts(ask);
		} catch (error) {
			return this.core.answerRefused(ask?.id ?? null, refusalOf(error));
		}
		this.#asks += 1;
		try {
			if (parts.length === 1) return await this.#askWhole(ask, options);
			const askOne = (part: Ask, own: AskOptions) => this.#askWhole(part, own);
			return await askParts(ask, parts, askOne, options.signal, () => this.hands.now());
		} finally {
			this.#asks -= 1;
			if (this.#asks === 0) for (const ended of this.#drained.splice(0)) ended();
		}
	}

	async #askWhole(ask: Ask, options: AskOptions): Promise<Answer> {
		this.#mustLive();
		let request: Request;
		try {
			request = { ...this.core.askRequest(ask), streaming: options.onText !== undefined };
		} catch (error) {
			return this.core.answerRefused(ask.id ?? null, refusalOf(error));
		}
		this.#lastJob += 1;
		const job = this.#lastJob;
		const cancel = () => this.#post({ type: 'cancel', job });
		const answer = new Promise<Answer>((settle, fail) => {
			this.#jobs.set(job, { ask, options, settle, fail });
		});
		this.#post({ type: 'submit', job, request });
		options.signal?.addEventListener('abort', cancel);
		if (options.signal?.aborted) cancel();
		return await answer.finally(() => options.signal?.removeEventListener('abort', cancel));
	}

	stream(ask: Ask, options?: AskOptions): AnswerStream {
		return streamed((heard) => this.ask(ask, heard), options);
	}

	async decide(ask: Ask): Promise<Decision> {
		this.#mustBeOpen();
		const request = this.core.askRequest(JSON.parse(askJson(ask)));
		await this.#seen();
		return this.#dispatcher.decide(this.#now(), request);
	}

	async prepare(wish: Prepare): Promise<Prepared> {
		this.#mustBeOpen();
		this.#lastJob += 1;
		const job = this.#lastJob;
		const event = this.core.prepareEvent(job, JSON.parse(jsonOf(wish, 'the wish')), Date.now());
		return await new Promise<Prepared>((settle, fail) => {
			this.#prepares.set(job, { settle, fail });
			this.#post(event);
		});
	}

	async feedback(feedback: Feedback): Promise<void> {
		this.#mustBeOpen();
		this.#post(this.core.feedbackEvent(JSON.parse(jsonOf(feedback, 'the feedback'))));
	}

	async models(): Promise<HostSnapshot[]> {
		return (await this.snapshot()).hosts;
	}

	async snapshot(): Promise<Snapshot> {
		await this.#seen();
		return this.#dispatcher.snapshot();
	}

	/** What the dispatcher believes, without a look at any host: to be kept, and handed to the next one. */
	learned(): Snapshot {
		return this.#dispatcher.snapshot();
	}

	async drain(): Promise<void> {
		this.#draining = true;
		while (this.#asks > 0) await new Promise<void>((ended) => this.#drained.push(ended));
		this.close();
	}

	close(): void {
		for (const job of this.#jobs.keys()) this.#post({ type: 'cancel', job });
		this.#stop();
		const closed = new SmartAiError('closed', 'this dispatcher was closed before the model was loaded');
		for (const { fail } of this.#prepares.values()) fail(closed);
		this.#prepares.clear();
	}

	/** Until every look that is due has told what it saw, or a dry run need wait no longer. */
	async #seen(): Promise<void> {
		this.#mustLive();
		this.#post({ type: 'tick' });
		const late = new AbortController();
		let waits = true;
		const over = () => {
			waits = false;
		};
		const settled = this.hands.sleep(this.core.settleMs(), late.signal).then(over, over);
		while (waits && this.#looks.size > 0) await Promise.race([Promise.all(this.#looks), settled]);
		late.abort();
	}

	#mustBeOpen(): void {
		if (this.#draining) throw new SmartAiError('closed', 'this dispatcher is closing; create another');
		this.#mustLive();
	}

	/** What began before `drain` goes on. */
	#mustLive(): void {
		if (this.#closing.signal.aborted) throw new SmartAiError('closed', 'this dispatcher is closed; create another');
	}

	#now(): number {
		return Math.floor(this.hands.now());
	}

	/** Events are handled one after the other, also those that effects bring about. */
	#post(event: Event): void {
		if (this.#closing.signal.aborted) return;
		this.#events.push(event);
		if (this.#handling) return;
		this.#handling = true;
		try {
			for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
				const now = this.#now();
				const slept = this.#dispatcher.slept(now);
				if (slept !== null) this.#carryOut(this.#dispatcher.step(now, slept));
				this.#carryOut(this.#dispatcher.step(now, next));
			}
		} catch (error) {
			this.#break(error);
		} finally {
			this.#handling = false;
		}
	}

	/** A core that throws is lost: nobody may wait for it for ever. */
	#break(error: unknown): void {
		this.#stop();
		for (const job of [...this.#jobs.values(), ...this.#prepares.values()]) job.fail(error);
		this.#jobs.clear();
		this.#prepares.clear();
	}

	#stop(): void {
		this.#alarm.set(null);
		this.#closing.abort();
		for (const call of this.#calls.values()) call.abort();
	}

	#carryOut(step: Step): void {
		for (const effect of step.effects) this.#effect(effect);
		// Nobody waits, and no model is to come or go: no timer keeps the process alive, and the next event brings core up
		// to date.
		const mode = this.#fleet.config.lifecycle?.mode ?? 'off';
		const manages = mode !== 'off' || this.#now() < this.#plannedUntil;
		const waits = this.#jobs.size > 0 || this.#prepares.size > 0 || manages;
		this.#alarm.set(waits ? step.wakeAt : null);
	}

	#effect(effect: Effect): void {
		switch (effect.type) {
			case 'call':
				this.#call(effect);
				return;
			case 'abort':
				this.#calls.get(effect.attempt)?.abort();
				return;
			case 'resolve':
				this.#end(effect.job, (job, decision) => {
					const gathered = this.#gathered(effect.outcome.attempt);
					const { text, embeddings } = gathered;
					const answer = this.core.answerResolved(job.ask.id ?? null, text, embeddings, effect.outcome, decision);
					return { ...answer, ...beside(gathered) };
				});
				return;
			case 'reject':
				this.#end(effect.job, (job, decision) => {
					const gathered = this.#gathered(effect.outcome.attempt);
					const { text } = gathered;
					const answer = this.core.answerRejected(job.ask.id ?? null, text, effect.error, effect.outcome, decision);
					return { ...answer, ...beside(gathered) };
				});
				return;
			case 'load':
			case 'unload':
				void this.#move(effect).then((event) => this.#post(event));
				return;
			case 'start_host':
			case 'stop_host': {
				const type = effect.type === 'start_host' ? 'start_ended' : 'stop_ended';
				queueMicrotask(() => this.#post({ type, host: effect.host, failure: NO_HANDS }));
				return;
			}
			case 'prepared': {
				const { job, prepared } = effect;
				this.#plannedUntil = Math.max(this.#plannedUntil, this.#now() + prepared.begins_in_ms + 1);
				this.#prepares.get(job)?.settle(prepared);
				this.#prepares.delete(job);
				return;
			}
			case 'refresh': {
				const done = this.#look(effect).then((event) => {
					this.#looks.delete(done);
					this.#post(event);
				});
				// A stuck host answers no canary, and nobody need wait for it.
				if (effect.source.type !== 'canary') this.#looks.add(done);
				return;
			}
		}
	}

	#call(effect: Extract<Effect, { type: 'call' }>): void {
		const { job: id, attempt } = effect;
		const job = this.#jobs.get(id);
		const endpoint = this.#endpoints.get(effect.host);
		if (job === undefined || endpoint === undefined) return;
		const onText = (text: string) => {
			try {
				if (this.#jobs.has(id)) job.options.onText?.(text);
			} catch (error) {
				job.fail(error);
				this.#post({ type: 'cancel', job: id });
			}
		};
		const call = new Call(this.core, this.hands, (event) => this.#post(event), onText, effect);
		this.#calls.set(attempt, call);
		const ended = call.run(
			job.ask,
			endpoint,
			this.#fleet.config.connect_timeout_ms ?? 0,
			job.options.onText === undefined,
		);
		ended
			.catch((error) => this.#break(error))
			.finally(() => {
				call.ended = true;
				if (!this.#jobs.has(id)) this.#calls.delete(attempt);
			});
	}

	#end(id: number, answer: (job: Job, decision: Decision | null) => Answer): void {
		const job = this.#jobs.get(id);
		if (job === undefined) return;
		job.settle(answer(job, this.#dispatcher.decision(id)));
		this.#jobs.delete(id);
		for (const [attempt, call] of this.#calls) {
			if (call.job === id && call.ended) this.#calls.delete(attempt);
		}
	}

	#gathered(attempt: number | null): Gathered {
		return (attempt === null ? undefined : this.#calls.get(attempt)?.gathered) ?? nothing();
	}

	/** Loads or unloads a model. */
	async #move(effect: Extract<Effect, { type: 'load' | 'unload' }>): Promise<Event> {
		const { host, model, within_ms: withinMs } = effect;
		const post = this.core.residencyPost(effect);
		const content = { type: 'application/json', body: post?.body ?? '' };
		const reply = await this.#fetch(this.#endpoints.get(host), withinMs, post?.path ?? '', content);
		return { type: `${effect.type}_ended`, host, model, failure: this.core.residencyFailure(reply) };
	}

	async #look({ source, within_ms: withinMs }: Extract<Effect, { type: 'refresh' }>): Promise<Event> {
		switch (source.type) {
			case 'host': {
				const get = (path: string) => this.#fetch(this.#endpoints.get(source.host), withinMs, path);
				const [version, tags, resident] = await Promise.all([get('/api/version'), get('/api/tags'), get('/api/ps')]);
				return { type: 'host_state', host: source.host, state: this.core.hostState(version, tags, resident) };
			}
			case 'model': {
				const { host, model } = source;
				const content = { type: 'application/json', body: JSON.stringify({ model }) };
				const show = await this.#fetch(this.#endpoints.get(host), withinMs, '/api/show', content);
				return { type: 'model_state', host, model, state: this.core.modelState(show) };
			}
			case 'canary': {
				const { host, model, options } = source;
				const path = this.core.askEndpoint(CANARY);
				const content = { type: 'application/json', body: this.core.askBody(CANARY, model, options) };
				const reply = await this.#fetch(this.#endpoints.get(host), withinMs, path, content);
				const failure = this.core.canaryFailure(reply);
				return { type: 'canary', host, model, failure };
			}
			case 'signals': {
				const body = `query=${encodeURIComponent(this.core.metricsQuery())}`;
				const content = { type: 'application/x-www-form-urlencoded', body };
				const reply = await this.#fetch(this.#fleet.prometheus ?? undefined, withinMs, '/api/v1/query', content);
				return { type: 'signals', state: this.core.signalsState(reply) };
			}
		}
	}

	async #fetch(
		endpoint: Endpoint | undefined,
		withinMs: number,
		path: string,
		content?: { type: string; body: string },
	): Promise<Reply> {
		if (endpoint === undefined) return { type: 'lost', code: null, message: 'not configured' };
		const connectTimeoutMs = this.#fleet.config.connect_timeout_ms ?? 0;
		const signal = this.#closing.signal;
		return await look(
			this.hands,
			requestOf(endpoint, path, content, { signal, stream: false, connectTimeoutMs }),
			withinMs,
			signal,
		);
	}
}

/** What an answer carries beside its text, where it came. */
function beside({ thinking, toolCalls }: Gathered): Pick<Answer, 'thinking' | 'tool_calls'> {
	return {
		...(thinking !== '' && { thinking }),
		...(toolCalls.length > 0 && { tool_calls: toolCalls }),
	};
}
