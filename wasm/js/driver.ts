import { Alarm } from './alarm.js';
import { Call } from './call.js';
import type { Asked, Dispatcher, Exchange, WasmCore } from './core.js';
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
	Outgoing,
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

/** What starts and stops hosts needs more than HTTP to Ollama. */
const NO_HANDS: Failure = {
	kind: 'bad_request',
	detail: 'starting and stopping hosts needs the sidecar (smart-ai serve) or the native engine',
};

interface Job {
	asked: Asked;
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
		private readonly core: WasmCore,
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

	async ask(ask: Ask, given?: AskOptions): Promise<Answer> {
		this.#mustBeOpen();
		const options = optionsOf(given);
		let json = 'null';
		let asked: Asked;
		try {
			json = askJson(ask);
			asked = new this.core.Asked(json);
		} catch (error) {
			return this.core.answerRefused(idOf(json), refusalOf(error));
		}
		const parts = asked.parts(this.#now());
		this.#asks += 1;
		try {
			const askOne = (one: Asked, own: AskOptions) => this.#askOnce(one, own, () => idOf(json));
			if (parts === undefined) return await askOne(asked, options);
			asked.free();
			return await askParts(parts, askOne, options.signal, () => this.#now());
		} finally {
			this.#asks -= 1;
			if (this.#asks === 0) for (const ended of this.#drained.splice(0)) ended();
		}
	}

	async #askOnce(asked: Asked, options: AskOptions, id: () => unknown): Promise<Answer> {
		let request: Request;
		try {
			this.#mustLive();
			request = asked.request(options.onText !== undefined);
		} catch (error) {
			asked.free();
			if (this.#closing.signal.aborted) throw error;
			return this.core.answerRefused(id(), refusalOf(error));
		}
		this.#lastJob += 1;
		const job = this.#lastJob;
		const cancel = () => this.#post({ type: 'cancel', job });
		const answer = new Promise<Answer>((settle, fail) => {
			this.#jobs.set(job, { asked, options, settle, fail });
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
		const asked = new this.core.Asked(askJson(ask));
		let request: Request;
		try {
			request = asked.request(false);
		} finally {
			asked.free();
		}
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

	/** Until a dry run need wait no longer. */
	async #seen(): Promise<void> {
		this.#mustLive();
		this.#post({ type: 'tick' });
		const by = this.#dispatcher.settlesBy();
		if (by === undefined) return;
		const late = new AbortController();
		// A timer may fire a millisecond early: it ends the wait all the same.
		let isOver = false;
		const end = () => {
			isOver = true;
		};
		const over = this.hands.sleep(Math.max(0, by - this.#now()), late.signal).then(end, end);
		while (!isOver && this.#looks.size > 0 && this.#dispatcher.settlesBy() !== undefined) {
			await Promise.race([...this.#looks, over]);
		}
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
		for (const [place, effect] of step.effects.entries()) this.#effect(effect, place);
		// Nobody waits, and no model is to come or go: no timer keeps the process alive, and the next event brings core up
		// to date.
		const mode = this.#fleet.config.lifecycle?.mode ?? 'off';
		const manages = mode !== 'off' || this.#now() < this.#plannedUntil;
		const waits = this.#jobs.size > 0 || this.#prepares.size > 0 || manages;
		this.#alarm.set(waits ? step.wakeAt : null);
	}

	/** `place`: of the effect in the last step. */
	#effect(effect: Effect, place: number): void {
		switch (effect.type) {
			case 'call':
				this.#call(effect, place);
				return;
			case 'abort':
				this.#calls.get(effect.attempt)?.abort();
				return;
			case 'resolve':
			case 'reject':
				this.#end(effect.job, effect.outcome.attempt, place);
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
			case 'refresh':
			case 'load':
			case 'unload': {
				const exchange = this.core.Exchange.begin(this.#dispatcher, this.#now(), place);
				if (exchange === undefined) return;
				const done = this.#exchange(exchange).then((event) => {
					this.#looks.delete(done);
					this.#post(event);
				});
				// A stuck host answers no canary, and nobody need wait for it.
				if (effect.type === 'refresh' && effect.source.type !== 'canary') this.#looks.add(done);
				return;
			}
		}
	}

	#call(effect: Extract<Effect, { type: 'call' }>, place: number): void {
		const { job: id, attempt } = effect;
		const job = this.#jobs.get(id);
		const endpoint = this.#endpoints.get(effect.host);
		if (job === undefined || endpoint === undefined) return;
		const { onText } = job.options;
		const heard = (text: string) => {
			try {
				if (this.#jobs.has(id)) onText?.(text);
			} catch (error) {
				job.fail(error);
				this.#post({ type: 'cancel', job: id });
			}
		};
		const machine = job.asked.call(this.#dispatcher, place, onText !== undefined);
		if (machine === undefined) return;
		const call = new Call(id, machine, this.hands, (event) => this.#post(event), onText && heard);
		this.#calls.set(attempt, call);
		call
			.run(endpoint, this.#fleet.config.connect_timeout_ms ?? 0)
			.catch((error) => this.#break(error))
			.finally(() => {
				call.ended = true;
				if (!this.#jobs.has(id)) this.#forget(attempt, call);
			});
	}

	#end(id: number, attempt: number | null, place: number): void {
		const job = this.#jobs.get(id);
		if (job === undefined) return;
		const call = attempt === null ? undefined : this.#calls.get(attempt);
		job.settle((call?.machine ?? job.asked).answer(this.#dispatcher, place));
		this.#jobs.delete(id);
		job.asked.free();
		for (const [number, ended] of this.#calls) {
			if (ended.job === id && ended.ended) this.#forget(number, ended);
		}
	}

	#forget(attempt: number, call: Call): void {
		this.#calls.delete(attempt);
		call.machine.free();
	}

	async #exchange(exchange: Exchange): Promise<Event> {
		const host = exchange.host();
		const endpoint = host === undefined ? this.#fleet.prometheus : this.#endpoints.get(host);
		try {
			for (;;) {
				const asked = exchange.requests().map((request) => this.#reply(endpoint, request, exchange.withinMs()));
				const event = exchange.replied(this.#now(), await Promise.all(asked));
				if (event !== null) return event;
			}
		} finally {
			exchange.free();
		}
	}

	async #reply(endpoint: Endpoint | null | undefined, request: Outgoing, withinMs: number): Promise<Reply> {
		if (endpoint == null) return { type: 'lost', code: null, message: 'not configured' };
		const connectTimeoutMs = this.#fleet.config.connect_timeout_ms ?? 0;
		const signal = this.#closing.signal;
		const sent = requestOf(endpoint, request, { signal, connectTimeoutMs });
		return await look(this.hands, sent, withinMs, this.core.bodyMax(), signal);
	}
}

/** The caller's own name for an ask that makes no sense. */
function idOf(json: string): unknown {
	return (JSON.parse(json) as Ask | null)?.id ?? null;
}
