// The fake Ollama answers as the real one does: the same requests to both, and what is compared is equal.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MissingPart, everyPartRequired } from '../bed/missing.mjs';
import * as fakeHost from './fake.mjs';
import { observe, settle } from './observation.mjs';
import * as realHost from './real.mjs';
import { steps } from './script.mjs';

let real;
let fake;
let missing;

before(async () => {
  try {
    real = await realHost.start();
  } catch (error) {
    if (!(error instanceof MissingPart) || everyPartRequired) throw error;
    missing = error.message;
    return;
  }
  fake = await fakeHost.start();
}, { timeout: 900_000 });

after(async () => {
  await Promise.all([real?.stop(), fake?.stop()]);
});

for (const step of steps) {
  test(step.name, async (context) => {
    if (missing) return context.skip(missing);
    if (step.settles) await Promise.all([settle(real.url, step), settle(fake.url, step)]);
    const [wanted, got] = await Promise.all([observe(real.url, step), observe(fake.url, step)]);
    assert.deepEqual(got, wanted);
  });
}
