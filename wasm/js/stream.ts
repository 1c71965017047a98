import type { AnswerStream, AskOptions } from './smart-ai.js';

/** Hands the pieces of an answer to a loop, as they come. */
export function streamed<A>(ask: (options: AskOptions) => Promise<A>, options: AskOptions = {}): AnswerStream<A> {
	const pieces: string[] = [];
	const leaving = new AbortController();
	const leave = () => leaving.abort();
	let wake = () => {};
	let ended = false;
	options.signal?.addEventListener('abort', leave);
	if (options.signal?.aborted) leave();
	const onText = (text: string) => {
		options.onText?.(text);
		pieces.push(text);
		wake();
	};
	const answer = ask({ signal: leaving.signal, onText }).finally(() => {
		options.signal?.removeEventListener('abort', leave);
		ended = true;
		wake();
	});
	// Whoever loops hears of it there.
	answer.catch(() => {});
	async function* read() {
		try {
			for (;;) {
				for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) yield piece;
				if (ended) break;
				await new Promise<void>((resolve) => (wake = resolve));
			}
			await answer;
		} finally {
			leave();
		}
	}
	return { answer, [Symbol.asyncIterator]: read };
}
