/**
 * A way to send requests that tries `localhost` on 127.0.0.1 where it was refused: n8n's client takes the name's first
 * address, often ::1, and Ollama listens on 127.0.0.1 alone.
 */
export function onEitherLoopback<Options extends { url: string }>(
	send: (options: Options) => Promise<unknown>,
): (options: Options) => Promise<unknown> {
	return async (options) =>
		await send(options).catch(async (error: unknown) => {
			const url = onIpv4(options.url);
			if (url === options.url || !refused(error)) throw error;
			return await send({ ...options, url });
		});
}

/** n8n's clients say it by the error's code, only in its words, or in the error that theirs was made of. */
function refused(error: unknown): boolean {
	const { code, message, cause } = error as { code?: unknown; message?: unknown; cause?: unknown };
	if (code === 'ECONNREFUSED' || String(message).includes('ECONNREFUSED')) return true;
	return typeof cause === 'object' && cause !== null && refused(cause);
}

/** The URL with `localhost` as the address that Ollama listens on; any other as it is. */
export function onIpv4(url: string): string {
	return url.replace(/^(https?:\/\/)localhost(?=[:/]|$)/i, '$1127.0.0.1');
}
