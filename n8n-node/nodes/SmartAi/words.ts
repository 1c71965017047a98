import type { Decision, EngineName, Served } from '../../engine/contract';

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
export function answeredBy(answer: Served): string {
	const failed = answer.attempts.filter(({ outcome }) => outcome !== 'ok' && outcome !== 'cancelled');
	const before = failed.map(({ host, model, outcome }) => `${model} on ${host} failed (${words(outcome)})`);
	return [
		`Answered by ${answer.model} on ${answer.host} in ${seconds(answer.ms.total / 1000)}`,
		...before,
		...alternative(answer),
		...rolloutOf([answer]),
		...detoursOf([answer]),
	].join('; ');
}

/** What a gradual rollout shows: what Smart AI's own choice was expected to save, and what it did save. */
function rolloutOf(answers: Served[]): string[] {
	const told = answers.flatMap(({ ok, ms, decision }) => {
		const { named, chosen, switched, gain_ms: gain } = decision?.comparison ?? {};
		return named && chosen ? [{ ok, ms: ms.total, switched, gain: gain ?? 0, named: named.predicted_ms }] : [];
	});
	const total = sum(told.map(({ named }) => named));
	if (total <= 0) return [];
	const share = sum(told.map(({ gain }) => gain)) / total;
	const points = Math.round(Math.abs(share) * 100);
	const much =
		points < ALIKE_PERCENT
			? 'about as much time as the chosen model'
			: `${points} % ${share < 0 ? 'more' : 'less'} time than the chosen model`;
	const [its, theirs] = [true, false].map((side) => told.filter(({ ok, switched }) => ok && switched === side));
	const taken = (side: typeof told) =>
		`${seconds(sum(side.map(({ ms }) => ms)) / 1000 / side.length)} (${side.length})`;
	return [
		`Smart AI's own pick: ${much} expected`,
		...(its.length > 0 && theirs.length > 0
			? [`${taken(its)} on average by its pick, ${taken(theirs)} by the model`]
			: []),
	];
}

/** What both sides are expected to take differs by less than predictions do. */
const ALIKE_PERCENT = 5;

const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);

const ENGINES: Record<EngineName, string> = {
	sidecar: 'the sidecar',
	native: 'the native engine',
	wasm: 'WebAssembly',
};

/** That another engine decided than should have, and why. */
function detoursOf(answers: Served[]): string[] {
	const told = answers.flatMap(({ detour, engine }) =>
		detour ? [`${detour}: ${ENGINES[engine]} decided in n8n`] : [],
	);
	return [...new Set(told)];
}

function alternative({ decision, model, host }: Served): string[] {
	const taken = decision?.candidates.find((candidate) => candidate.model === model && candidate.host === host);
	const other = decision?.candidates.find((candidate) => candidate.model !== model || candidate.host !== host);
	if (!taken || !other) return [];
	const [most] = WHY_NOT.map(([term, text]) => {
		const s = other.terms[term] ?? 0;
		return { text, more: s - (taken.terms[term] ?? 0), s };
	})
		.filter(({ more }) => more >= 0.1)
		.sort((one, next) => next.more - one.more);
	return most ? [`${other.model} on ${other.host} ${most.text} ${seconds(most.s)}`] : [];
}

export const words = (code: string): string => code.replaceAll('_', ' ');

/** A time as people say it: one decimal below ten seconds. */
export function seconds(s: number): string {
	if (s < 0.05) return 'under 0.1 s';
	return s < 9.95 ? `${s.toFixed(1)} s` : `${Math.round(s)} s`;
}

/** Many answers in one line: how many by whom. One answer tells more. */
export function summaryOf(answers: Served[]): string {
	const good = answers.filter(({ ok }) => ok);
	const [only] = good;
	if (answers.length === 1 && only) return answeredBy(only);
	if (answers.length === 0) return '';
	const arms = new Map<string, number>();
	for (const { model, host } of good) arms.set(`${model} on ${host}`, (arms.get(`${model} on ${host}`) ?? 0) + 1);
	const parts = [...arms].sort(([, one], [, other]) => other - one).map(([arm, count]) => `${count} by ${arm}`);
	const repeated = answers.reduce((sum, { attempts }) => sum + Math.max(0, attempts.length - 1), 0);
	const failed = answers.length - good.length;
	const average = good.reduce((sum, { ms }) => sum + ms.total, 0) / 1000 / Math.max(1, good.length);
	return [
		`${answers.length} ${answers.length === 1 ? 'item' : 'items'}: ${parts.join(', ') || 'no answer'}`,
		...(good.length > 0 ? [`${seconds(average)} on average`] : []),
		...(repeated > 0 ? [`${repeated} ${repeated === 1 ? 'call' : 'calls'} repeated elsewhere`] : []),
		...(failed > 0 ? [`${failed} failed`] : []),
		...rolloutOf(answers),
		...detoursOf(answers),
	].join('; ');
}
