// What arrives in a block: bursts of every kind of work, and drafts among them. A round's block is the same for every
// contender.
import { gaps, uniform } from '../statistics.mjs';
import { draft, kinds } from './tasks.mjs';

const ITEMS_OF_A_KIND = 2;
const DRAFTS = 1;
const BURST = 6;
const BETWEEN_BURSTS_MS = 6_000;
const MEAN_GAP_MS = 250;

/** Rounds that can be played before an item would come twice. */
export const MOST_ROUNDS = Math.floor(kinds[0].measured.length / ITEMS_OF_A_KIND);

/** The jobs of a round in order of arrival: `{ at, item }`, `at` in milliseconds. */
export function block(round, models) {
	const random = uniform(round + 1);
	const gap = gaps(MEAN_GAP_MS, round + 1_000);
	const items = kinds.flatMap(({ measured }) => measured.slice(round * ITEMS_OF_A_KIND, (round + 1) * ITEMS_OF_A_KIND));
	for (let number = 0; number < DRAFTS; number++) items.push(draft(models.draft, round * DRAFTS + number + 1));
	for (let last = items.length - 1; last > 0; last--) {
		const other = Math.floor(random() * (last + 1));
		[items[last], items[other]] = [items[other], items[last]];
	}
	let at = 0;
	return items.map((item, number) => {
		const begins = Math.floor(number / BURST) * BETWEEN_BURSTS_MS;
		at = Math.max(at, begins) + gap();
		return { at, item };
	});
}
