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
