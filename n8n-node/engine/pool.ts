import { createHash } from 'node:crypto';

import type { Engine, EngineConfig } from './contract';

interface Place {
	fingerprint: string;
	engine: Promise<Engine>;
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
 * when its last user leaves.
 */
export class EnginePool {
	private readonly places = new Map<string, Place>();

	async lease(slot: string, config: EngineConfig, make: () => Promise<Engine>): Promise<Lease> {
		const place = this.place(slot, fingerprintOf(config), make);
		place.users += 1;
		let engine: Engine | undefined;
		try {
			engine = await place.engine;
		} finally {
			if (!engine) this.forget(slot, place);
		}
		let held = true;
		return {
			engine,
			release: () => {
				if (held) this.leave(place);
				held = false;
			},
		};
	}

	/** A maker that failed is asked again by the next lease. */
	private forget(slot: string, place: Place): void {
		if (this.places.get(slot) === place) this.places.delete(slot);
	}

	private place(slot: string, fingerprint: string, make: () => Promise<Engine>): Place {
		const present = this.places.get(slot);
		if (present?.fingerprint === fingerprint) return present;
		const place: Place = { fingerprint, engine: make(), users: 0, replaced: false };
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

async function closeOf(place: Place): Promise<void> {
	const engine = await place.engine;
	await engine.close();
}

function fingerprintOf(config: EngineConfig): string {
	return createHash('sha256').update(JSON.stringify(config)).digest('hex');
}
