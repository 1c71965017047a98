/** The default sleep. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		const end = () => {
			clearTimeout(timer);
			resolve();
		};
		const timer = setTimeout(() => {
			signal.removeEventListener('abort', end);
			resolve();
		}, ms);
		signal.addEventListener('abort', end, { once: true });
	});
}

/** The default clock: it never steps back, and is far from zero, so that an age never reaches before it. */
export function now(): number {
	return performance.timeOrigin + performance.now();
}
