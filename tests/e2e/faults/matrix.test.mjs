// Every row of the fault matrix on every driver, and over n8n's HTTP client: the outcome, and the calls it took.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { everyPartRequired, MissingPart } from '../bed/missing.mjs';
import { drivers } from './drivers.mjs';
import { startFleet, TEXT } from './fleet.mjs';
import { n8nDriver } from './n8n.mjs';
import { rows } from './rows.mjs';
import { attemptsOf, trial } from './trial.mjs';

let fleet;
before(async () => (fleet = await startFleet()));
after(() => fleet?.stop());

const all = { ...drivers, n8n: await n8nDriver().catch(missing) };

/** What stands in for a driver that cannot be had here. */
function missing(error) {
	if (!(error instanceof MissingPart) || everyPartRequired) throw error;
	return { skip: error.message };
}

for (const [name, create] of Object.entries(all)) {
	suite(name, { skip: create.skip }, () => {
		for (const row of rows) {
			test(row.name, async () => {
				const { answer, texts } = await trial(create, fleet, row);
				assert.deepEqual(
					[attemptsOf(answer, row), answer.error?.code],
					[row.attempts, row.error],
					JSON.stringify(answer.error),
				);
				if (row.error) assert.ok(TEXT.startsWith(answer.text) && answer.error.hint);
				else assert.equal(answer.text, TEXT);
				if (row.why) assert.match(JSON.stringify(answer.decision), row.why);
				if (row.streaming) assert.equal(texts.join(''), answer.text);
			});
		}
	});
}
