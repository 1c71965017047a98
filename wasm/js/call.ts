import type { CallMachine } from './core.js';
import { lost, requestOf } from './exchange.js';
import type { CallStep, Endpoint, Event } from './generated/core.js';
import { misfit } from './schema.js';
import type { Hands } from './transport.js';

/** One call of one arm: moves bytes between its host and core. Says nothing more once aborted. */
export class Call {
	ended = false;
	readonly #connection = new AbortController();

	constructor(
		readonly job: number,
		/** What core knows of it; to be freed when nobody asks any more what it has brought. */
		readonly machine: CallMachine,
		private readonly hands: Hands,
		private readonly tell: (event: Event) => void,
		private readonly onText: ((text: string) => void) | undefined,
	) {}

	abort(): void {
		this.#connection.abort();
	}

	async run(endpoint: Endpoint, connectTimeoutMs: number): Promise<void> {
		let next: 'again' | 'over';
		do next = await this.#exchange(endpoint, connectTimeoutMs);
		while (next === 'again');
	}

	async #exchange(endpoint: Endpoint, connectTimeoutMs: number): Promise<'again' | 'over'> {
		const { signal } = this.#connection;
		try {
			const sent = requestOf(endpoint, this.machine.request(), { signal, connectTimeoutMs });
			const { status, headers, body } = await this.hands.transport.request(sent);
			let next = this.#take(this.machine.answered(status, headers['retry-after'], headers.location));
			for await (const chunk of body) {
				next ??= this.#take(this.machine.push(this.#now(), chunk));
				// The host has said its last word, whether or not it closes the connection.
				if (next !== undefined) return next;
			}
			return this.#take(this.machine.finish(this.#now())) ?? 'over';
		} catch (error) {
			const { code, message } = lost(error);
			return this.#take(this.machine.lost(this.#now(), code ?? undefined, message)) ?? 'over';
		}
	}

	/** Carries out steps; says what follows where they end the response. */
	#take(steps: CallStep[]): 'again' | 'over' | undefined {
		for (const step of steps) {
			if (this.#connection.signal.aborted) return 'over';
			switch (step.type) {
				case 'event':
					this.tell(step.event);
					break;
				case 'text':
					this.onText?.(step.text);
					break;
				case 'check':
					return this.#take(this.machine.checked(misfit(step.schema, step.answer) ?? undefined));
				case 'again':
					return 'again';
				case 'ended':
					this.tell(step.event);
					return 'over';
			}
		}
		return undefined;
	}

	#now(): number {
		return Math.floor(this.hands.now());
	}
}
