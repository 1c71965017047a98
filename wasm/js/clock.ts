import type { Machines } from './core.js';

/** A wall clock so far ahead of the steady one was set, or the machine slept. */
const AHEAD_MS = 10_000;

/**
 * The default clock: it never steps back, and goes on while the machine sleeps. `awake` gives the time since 1970 by a
 * clock that goes on then, too; where that is the wall clock, one that is set ahead looks like a sleep.
 */
export function clockOf(core: Machines, awake: () => number = Date.now): () => number {
	const clock = new core.Clock();
	return () => {
		const [steady, wall] = [performance.timeOrigin + performance.now(), Date.now()];
		return clock.read(steady, wall - steady < AHEAD_MS ? wall : awake());
	};
}
