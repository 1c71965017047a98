import type { Answer, Ask } from './generated/core.js';
import type { AskOptions } from './smart-ai.js';

/** Parts of one ask under way at a time. */
const AT_ONCE = 8;

/** Asks one part; carries out the rest of what its driver knows. */
type AskOne = (part: Ask, options: AskOptions) => Promise<Answer>;

/**
 * Many texts to embed: each part is a job of its own, and their vectors come back as one answer, in order. The first
 * part chooses the model, the others are asked of the same one. A part that fails ends the rest.
 */
export async function askParts(
	ask: Ask,
	lengths: Iterable<number>,
	askOne: AskOne,
	signal: AbortSignal | undefined,
	now: () => number,
): Promise<Answer> {
	const began = now();
	const parts = cut(ask, lengths);
	const leaving = new AbortController();
	const leave = () => leaving.abort();
	signal?.addEventListener('abort', leave);
	if (signal?.aborted) leave();
	try {
		const first = await askOne(parts[0] ?? ask, { signal: leaving.signal });
		const model = first.model ?? undefined;
		const answers = [first];
		let next = 1;
		let failed = !first.ok;
		const work = async () => {
			for (let place = next++; !failed; place = next++) {
				const part = parts[place];
				if (part === undefined) return;
				const left =
					ask.deadline_ms === undefined
						? {}
						: { deadline_ms: Math.max(1, Math.floor(ask.deadline_ms - (now() - began))) };
				const answer = await askOne({ ...part, ...left, model }, { signal: leaving.signal });
				if (answer.ok || !failed) answers[place] = answer;
				if (answer.ok) continue;
				failed = true;
				leave();
			}
		};
		await Promise.all(Array.from({ length: AT_ONCE }, work));
		const ended = answers.filter((answer) => answer !== undefined);
		return { ...ended.reduce(joined), ms: { ...first.ms, load: sum(ended, (it) => it.ms.load), total: now() - began } };
	} finally {
		leave();
		signal?.removeEventListener('abort', leave);
	}
}

function cut(ask: Ask, lengths: Iterable<number>): Ask[] {
	let end = 0;
	return Array.from(lengths, (length) => {
		end += length;
		return { ...ask, messages: ask.messages?.slice(end - length, end) };
	});
}

/** The decision, and what it expected, stay the first part's. */
function joined(whole: Answer, part: Answer): Answer {
	const ok = whole.ok && part.ok;
	const { embeddings, ...rest } = whole;
	return {
		...rest,
		...(ok ? { embeddings: [...(embeddings ?? []), ...(part.embeddings ?? [])] } : { ok, model: null, host: null }),
		error: whole.error ?? part.error,
		attempts: [...whole.attempts, ...part.attempts],
		usage: { ...whole.usage, prompt_tokens: whole.usage.prompt_tokens + part.usage.prompt_tokens },
	};
}

const sum = (answers: Answer[], of: (answer: Answer) => number) =>
	answers.reduce((total, answer) => total + of(answer), 0);
