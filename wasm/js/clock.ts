import type { Core } from './core.js';

/** The default clock: it never steps back, and goes on while the machine sleeps. */
export function clockOf(core: Core): () => number {
	const clock = new core.Clock();
	return () => clock.read(performance.timeOrigin + performance.now(), Date.now());
}
