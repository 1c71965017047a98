// The fake Ollama answers as the real one does: the same requests to both, and what is compared is equal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observe, settle } from './observation.mjs';
import { pair } from './pair.mjs';
import { steps } from './script.mjs';

const hosts = pair();

for (const step of steps) {
	test(step.name, async (context) => {
		if (hosts.missing) return context.skip(hosts.missing);
		const { real, fake } = hosts;
		if (step.settles) await Promise.all([settle(real.url, step), settle(fake.url, step)]);
		const [wanted, got] = await Promise.all([observe(real.url, step), observe(fake.url, step)]);
		assert.deepEqual(got, wanted);
	});
}
