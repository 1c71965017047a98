import type { Core, Dispatcher } from './contract/core.js';
import type { Config, Event, Request, Snapshot } from './contract/generated/core.js';
import { called, type Native } from './native.js';

type NativeDispatcher = InstanceType<Native['Dispatcher']>;

/**
 * Which arguments of a function are values, sent as JSON; the others go as they are. Its result is JSON unless it is a
 * text.
 */
const functions = {
	splitConfig: [true],
	classify: [false],
	askRequest: [true],
	askEndpoint: [true],
	askParts: [true],
	askBody: [true, false, true],
	feedbackEvent: [true],
	prepareEvent: [false, true, false],
	askVerdict: [true, false, false],
	readEmbeddings: [false],
	readVersion: [false],
	readTags: [false],
	readPs: [false, false],
	readShow: [false],
	readMetrics: [false, false],
	failureOfStatus: [false, false, false, false],
	failureOfConnection: [false, false],
	remedy: [false],
	canaryFailure: [true],
	answerResolved: [true, false, true, true, true],
	answerRejected: [true, false, true, true, true],
	answerRefused: [true, true],
} satisfies Partial<Record<keyof Core, boolean[]>>;

const texts = new Set(['askEndpoint', 'askBody']);

/** The addon with the names, shapes and types of {@link Core}. */
export function typed(native: Native): Core {
	const core: Record<string, unknown> = { Dispatcher: dispatcherOf(native), AnswerReader: readerOf(native) };
	for (const [name, values] of Object.entries(functions)) {
		const raw = native[name as keyof typeof functions] as (...args: unknown[]) => string;
		core[name] = (...args: unknown[]) => {
			const sent = values.map((value, at) => (value ? JSON.stringify(args[at] ?? null) : (args[at] ?? undefined)));
			const result = called(() => raw(...sent));
			return texts.has(name) ? result : JSON.parse(result);
		};
	}
	return core as unknown as Core;
}

function dispatcherOf(native: Native) {
	return class NativeBacked implements Dispatcher {
		readonly #native: NativeDispatcher;

		constructor(config: Config, seed = 0, restored?: NativeDispatcher) {
			this.#native = restored ?? called(() => new native.Dispatcher(JSON.stringify(config), seed));
		}

		static restore(config: Config, seed: number, snapshot: Snapshot) {
			const restored = called(() => native.Dispatcher.restore(JSON.stringify(config), seed, JSON.stringify(snapshot)));
			return new NativeBacked(config, seed, restored);
		}

		start(now: number) {
			return JSON.parse(this.#native.start(now));
		}

		step(now: number, event: Event) {
			return JSON.parse(called(() => this.#native.step(now, JSON.stringify(event))));
		}

		slept(now: number) {
			return JSON.parse(this.#native.slept(now));
		}

		decide(now: number, request: Request) {
			return JSON.parse(called(() => this.#native.decide(now, JSON.stringify(request))));
		}

		decision(job: number) {
			return JSON.parse(this.#native.decision(job));
		}

		settlesBy() {
			return this.#native.settlesBy() ?? undefined;
		}

		snapshot() {
			return JSON.parse(this.#native.snapshot());
		}
	};
}

function readerOf(native: Native) {
	return class {
		readonly #native = new native.AnswerReader();

		push(bytes: Uint8Array) {
			return JSON.parse(this.#native.push(bytes));
		}

		finish() {
			return JSON.parse(this.#native.finish());
		}
	};
}
