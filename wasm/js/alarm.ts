import type { Hands } from './transport.js';

/**
 * Rings once at a set time. An earlier alarm is kept and looks again when it fires, so that a moving time costs no
 * timer.
 */
export class Alarm {
	#at: number | null = null;
	#armedFor = Number.POSITIVE_INFINITY;
	#sleeping: AbortController | undefined;

	constructor(
		private readonly hands: Hands,
		private readonly ring: () => void,
	) {}

	set(at: number | null): void {
		this.#at = at;
		if (at === null) this.#disarm();
		else if (at < this.#armedFor) this.#arm(at);
	}

	#arm(at: number): void {
		this.#disarm();
		const sleeping = new AbortController();
		this.#sleeping = sleeping;
		this.#armedFor = at;
		const fire = () => {
			if (!sleeping.signal.aborted) this.#fire();
		};
		this.hands.sleep(Math.max(0, at - this.hands.now()), sleeping.signal).then(fire, fire);
	}

	#disarm(): void {
		this.#sleeping?.abort();
		this.#sleeping = undefined;
		this.#armedFor = Number.POSITIVE_INFINITY;
	}

	#fire(): void {
		this.#disarm();
		if (this.#at === null) return;
		if (this.hands.now() < this.#at) this.#arm(this.#at);
		else this.ring();
	}
}
