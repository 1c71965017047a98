import type { Answer, Decision } from '../../engine/contract';

type Candidate = Decision['candidates'][number];

/** What another candidate would have cost more, in words that go before a time. */
const WHY_NOT: Array<[keyof Candidate['terms'], string]> = [
	['load_s', 'would have loaded for'],
	['queue_s', 'would have waited for'],
	['interference_s', 'would have been slowed down by'],
	['prefill_s', 'would have read for'],
	['decode_s', 'would have written for'],
];

/** Who answered and how fast, what was tried before, and what the next best choice would have meant. */
export function answeredBy(answer: Answer): string {
	const failed = answer.attempts.filter(({ outcome }) => outcome !== 'ok' && outcome !== 'cancelled');
	const before = failed.map(({ host, model, outcome }) => `${model} on ${host} failed (${words(outcome)})`);
	return [
		`Answered by ${answer.model} on ${answer.host} in ${seconds(answer.ms.total / 1000)}`,
		...before,
		...alternative(answer),
	].join('; ');
}

function alternative({ decision, model, host }: Answer): string[] {
	const taken = decision?.candidates.find((candidate) => candidate.model === model && candidate.host === host);
	const other = decision?.candidates.find((candidate) => candidate.model !== model || candidate.host !== host);
	if (!taken || !other) return [];
	const [most] = WHY_NOT.map(([term, text]) => ({
		text,
		more: other.terms[term] - taken.terms[term],
		s: other.terms[term],
	}))
		.filter(({ more }) => more >= 0.1)
		.sort((one, next) => next.more - one.more);
	return most ? [`${other.model} on ${other.host} ${most.text} ${seconds(most.s)}`] : [];
}

export const words = (code: string): string => code.replaceAll('_', ' ');

/** A time as people say it: one decimal below ten seconds. */
export function seconds(s: number): string {
	return s < 9.95 ? `${s.toFixed(1)} s` : `${Math.round(s)} s`;
}
