import { createHash } from 'node:crypto';

import { sleep } from 'n8n-workflow';

import { type Engine, type EngineConfig, thrownAnswer } from './contract';

/** Milliseconds after which an engine that nobody uses closes: an update of the package leaves it without an owner. */
const IDLE_MS = 15 * 60 * 1000;

interface Place {
	fingerprint: string;
	engine: Promise<Engine>;
	/** The engine, once it is there. */
	made?: Engine;
	users: number;
	replaced: boolean;
	/** When its last user left. */
	idleSince: number;
	/** Whether somebody waits for it to be idle for long. */
	watched: boolean;
}

/** Time, as the pool needs it. */
interface Clock {
	now(): number;
	sleep(ms: number): Promise<void>;
}

/** An engine in use. Release it once, when the last request has ended. */
export interface Lease {
	engine: Engine;
	release(): void;
}

/**
 * Engines of this process: one per slot (the credentials and the engine asked for), so that what
 * one execution learns serves the next. A changed credential makes a new engine; the old one closes
 * when its last user leaves, and one that nobody has used for long closes, too. An engine that has ended is replaced,
 * also for those that hold a lease.
 */
export class EnginePool {
	private readonly places = new Map<string, Place>();

	constructor(private readonly clock: Clock = { now: Date.now, sleep }) {}

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
				this.leave(slot, tried);
				place = enter();
			}
			present = await this.made(slot, place);
			return present;
		};
		return {
			engine: leased(() => present, alive),
			release: () => {
				if (held) this.leave(slot, place);
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
		const place: Place = { fingerprint, engine: make(), users: 1, replaced: false, idleSince: 0, watched: false };
		this.places.set(slot, place);
		if (present) {
			present.replaced = true;
			if (present.users === 0) void closeOf(present);
		}
		return place;
	}

	private leave(slot: string, place: Place): void {
		place.users -= 1;
		if (place.users > 0) return;
		if (place.replaced) void closeOf(place);
		else void this.closeIdle(slot, place);
	}

	/** Closes what nobody has used for long; the next lease makes another. */
	private async closeIdle(slot: string, place: Place): Promise<void> {
		place.idleSince = this.clock.now();
		if (place.watched) return;
		place.watched = true;
		while (!place.replaced) {
			const left = place.users > 0 ? IDLE_MS : place.idleSince + IDLE_MS - this.clock.now();
			if (left > 0) {
				await this.clock.sleep(left);
				continue;
			}
			if (this.places.get(slot) === place) this.places.delete(slot);
			place.replaced = true;
			await closeOf(place);
		}
	}
}

/** The engine of a lease: each call goes to the one that works then. What it throws at an ask is that ask's answer. */
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
				return { ...thrownAnswer(error), engine: present().name };
			}
		},
		decide: async (request) => await (await alive()).decide(request),
		prepare: async (wish) => await (await alive()).prepare(wish),
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
