/**
 * A way to send requests that tries `localhost` on 127.0.0.1 where it was refused: n8n's client takes the name's first
 * address, often ::1, and Ollama listens on 127.0.0.1 alone.
 */
export function onEitherLoopback<Options extends { url: string }>(
	send: (options: Options) => Promise<unknown>,
): (options: Options) => Promise<unknown> {
	return async (options) =>
		await send(options).catch(async (error: unknown) => {
			const url = refused(error) ? onIpv4(options.url) : undefined;
			return await (url === undefined ? Promise.reject(error as Error) : send({ ...options, url }));
		});
}

/** n8n's two clients say it by the error's code, or only in its words. */
function refused(error: unknown): boolean {
	const { code, message } = error as { code?: unknown; message?: unknown };
	return code === 'ECONNREFUSED' || String(message).includes('ECONNREFUSED');
}

function onIpv4(url: string): string | undefined {
	const other = url.replace(/^(https?:\/\/)localhost(?=[:/]|$)/i, '$1127.0.0.1');
	return other === url ? undefined : other;
}
