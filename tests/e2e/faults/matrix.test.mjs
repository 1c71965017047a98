// Every row of the fault matrix on every driver: the outcome, and the calls it took.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { drivers } from './drivers.mjs';
import { startFleet, TEXT } from './fleet.mjs';
import { rows } from './rows.mjs';
import { attemptsOf, trial } from './trial.mjs';

let fleet;
before(async () => (fleet = await startFleet()));
after(() => fleet?.stop());

for (const [name, create] of Object.entries(drivers)) {
  suite(name, () => {
    for (const row of rows) {
      test(row.name, async () => {
        const { answer, texts } = await trial(create, fleet, row);
        assert.deepEqual([attemptsOf(answer, row), answer.error?.code], [row.attempts, row.error], JSON.stringify(answer.error));
        if (row.error) assert.ok(TEXT.startsWith(answer.text) && answer.error.hint);
        else assert.equal(answer.text, TEXT);
        if (row.streaming) assert.equal(texts.join(''), answer.text);
      });
    }
  });
}
