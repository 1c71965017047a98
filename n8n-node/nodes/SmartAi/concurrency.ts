/**
 * Runs `work` for the indexes 0 to `count` - 1, at most `limit` at a time. The first rejection
 * calls `stop`, waits for what is under way, and is thrown.
 */
export async function eachIndex(
	count: number,
	limit: number,
	work: (index: number) => Promise<void>,
	stop: () => void,
): Promise<void> {
	let next = 0;
	let failure: { reason: unknown } | undefined;
	const lane = async (): Promise<void> => {
		while (next < count && !failure) {
			const index = next;
			next += 1;
			try {
				await work(index);
			} catch (reason) {
				if (failure === undefined) {
					failure = { reason };
					stop();
				}
				return;
			}
		}
	};
	await Promise.all(Array.from({ length: Math.max(1, Math.min(limit, count)) }, lane));
	if (failure) throw failure.reason;
}
