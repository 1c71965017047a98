import { createHash } from 'node:crypto';

import { type Engine, type EngineConfig, thrownAnswer } from './contract';

interface Place {
	fingerprint: string;
	engine: Promise<Engine>;
	/** The engine, once it is there. */
	made?: Engine;
	users: number;
	replaced: boolean;
}

/** An engine in use. Release it once, when the last request has ended. */
export interface Lease {
	engine: Engine;
	release(): void;
}

/**
 * Engines of this process: one per slot (the credentials and the engine asked for), so that what
 * one execution learns serves the next. A changed credential makes a new engine; the old one closes
 * when its last user leaves. An engine that has ended is replaced, also for those that hold a lease.
 */
export class EnginePool {
	private readonly places = new Map<string, Place>();

	async lease(slot: string, config: EngineConfig, make: () => Promise<Engine>): Promise<Lease> {
		const fingerprint = fingerprintOf(config);
		const enter = () => this.enter(slot, fingerprint, make);
		let place = enter();
		let present = await this.made(slot, place);
		let held = true;
		const alive = async () => {
			const tried = place;
			const works = await tried.engine.then(isOpen, () => false);
			if (!works && held && place === tried) {
				this.leave(tried);
				place = enter();
			}
			present = await this.made(slot, place);
			return present;
		};
		return {
			engine: leased(() => present, alive),
			release: () => {
				if (held) this.leave(place);
				held = false;
			},
		};
	}

	private async made(slot: string, place: Place): Promise<Engine> {
		try {
			place.made = await place.engine;
			return place.made;
		} finally {
			// A maker that failed is asked again by the next lease.
			if (!place.made && this.places.get(slot) === place) this.places.delete(slot);
		}
	}

	private enter(slot: string, fingerprint: string, make: () => Promise<Engine>): Place {
		const present = this.places.get(slot);
		if (present?.fingerprint === fingerprint && !present.made?.closed) {
			present.users += 1;
			return present;
		}
		const place: Place = { fingerprint, engine: make(), users: 1, replaced: false };
		this.places.set(slot, place);
		if (present) {
			present.replaced = true;
			if (present.users === 0) void closeOf(present);
		}
		return place;
	}

	private leave(place: Place): void {
		place.users -= 1;
		if (place.replaced && place.users === 0) void closeOf(place);
	}
}

/** The engine of a lease: each call goes to the one that works then, and what it throws at an ask is that ask's answer. */
function leased(present: () => Engine, alive: () => Promise<Engine>): Engine {
	return {
		get name() {
			return present().name;
		},
		get closed() {
			return present().closed;
		},
		get learned() {
			// One that has ended has lost its memory, too.
			return present().closed ? undefined : present().learned;
		},
		ask: async (request, options) => {
			try {
				return await (await alive()).ask(request, options);
			} catch (error) {
				return thrownAnswer(error);
			}
		},
		decide: async (request) => await (await alive()).decide(request),
		feedback: async (feedback) => await (await alive()).feedback(feedback),
		models: async () => await (await alive()).models(),
		close: () => present().close(),
	};
}

const isOpen = (engine: Engine): boolean => !engine.closed;

async function closeOf(place: Place): Promise<void> {
	// One that was never made, or does not end well, leaves nothing to close.
	await place.engine.then((engine) => engine.close()).catch(() => {});
}

function fingerprintOf(config: EngineConfig): string {
	return createHash('sha256').update(JSON.stringify(config)).digest('hex');
}
