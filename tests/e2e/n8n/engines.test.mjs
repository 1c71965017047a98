// The two engines in the built n8n package are one: the same configuration, seed and events lead to the same decision.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PACKAGE } from './workbench.mjs';

const require = createRequire(import.meta.url);
const wasm = require(path.join(PACKAGE, 'dist/engine/wasm/dispatcher.js'));
const native = require(path.join(PACKAGE, 'dist/engine/native/addon.js'));
const histories = fileURLToPath(new URL('../../vectors/dispatch', import.meta.url));

/** The decision after each event: what would be chosen now for this request. */
function decisions(Dispatcher, { config, seed, steps }, request) {
	const dispatcher = new Dispatcher(config, seed);
	return steps.map(({ now, event }) => {
		dispatcher.step(now, event);
		return dispatcher.decide(now, request);
	});
}

test('both engines decide alike after every event of every history', () => {
	const files = readdirSync(histories).filter((name) => name.endsWith('.json'));
	let chosen = 0;
	for (const file of files) {
		const history = JSON.parse(readFileSync(path.join(histories, file), 'utf8'));
		for (const mode of ['fast', 'best']) {
			const request = { task: 'summarize', mode, prompt_tokens: 700 };
			const ours = decisions(wasm.Dispatcher, history, request);
			assert.deepEqual(ours, decisions(native.Dispatcher, history, request), `${file}, ${mode}`);
			chosen += ours.filter((decision) => decision.chosen !== null).length;
		}
	}
	assert.ok(files.length > 20 && chosen > 100, `${files.length} histories, ${chosen} choices`);
});
