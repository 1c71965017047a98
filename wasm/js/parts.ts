import type { Asked, Parts } from './core.js';
import type { Answer } from './generated/core.js';
import type { AskOptions } from './smart-ai.js';

/** Asks one part; carries out the rest of what its driver knows. */
type AskOne = (part: Asked, options: AskOptions) => Promise<Answer>;

/** Carries out what core says of the parts of one ask, and keeps their vectors. */
export async function askParts(
	parts: Parts,
	askOne: AskOne,
	signal: AbortSignal | undefined,
	now: () => number,
): Promise<Answer> {
	const leaving = new AbortController();
	const leave = () => leaving.abort();
	signal?.addEventListener('abort', leave);
	if (signal?.aborted) leave();
	const vectors: number[][][] = [];
	let whole: Answer | null = null;
	const askNext = async (): Promise<void> => {
		const underway: Promise<void>[] = [];
		for (let part = parts.next(now()); part !== undefined; part = parts.next(now())) underway.push(end(part));
		await Promise.all(underway);
	};
	const end = async (part: Asked): Promise<void> => {
		const { place } = part;
		const { embeddings, ...answer } = await askOne(part, { signal: leaving.signal });
		if (whole !== null) return;
		vectors[place] = embeddings ?? [];
		whole = parts.ended(now(), place, answer);
		if (whole === null) await askNext();
		else leave();
	};
	try {
		await askNext();
		if (whole === null) throw new Error('a part of the ask was never answered');
		const answer: Answer = whole;
		return answer.ok ? { ...answer, embeddings: vectors.flat() } : answer;
	} finally {
		leave();
		signal?.removeEventListener('abort', leave);
		parts.free();
	}
}
