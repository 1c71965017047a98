// Runs every vector on one build: BUILD=wasm (default) or BUILD=native.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build, built } from '../world/build.mjs';

const { core } = built;
const here = dirname(fileURLToPath(import.meta.url));

function files(folder) {
	const names = readdirSync(join(here, folder)).filter((name) => name.endsWith('.json'));
	return names.map((name) => JSON.parse(readFileSync(join(here, folder, name), 'utf8')));
}

for (const { name, config, seed, steps, decide } of files('dispatch')) {
	test(`${build}: ${name}`, () => {
		const dispatcher = new core.Dispatcher(config, seed);
		for (const { now, event, step } of steps)
			assert.deepEqual(dispatcher.step(now, event), step, `at ${now}: ${event.type}`);
		for (const { now, request, decision } of decide) assert.deepEqual(dispatcher.decide(now, request), decision);
	});
}

for (const suite of [...files('wire'), ...files('classify')]) {
	test(`${build}: ${suite.name}`, () => {
		for (const { name, input, output } of suite.cases) assert.deepEqual(run(suite.function, input), output, name);
	});
}

/** A result as the vectors write it: what a reader found, what a function gave, or what it threw. */
function run(name, input) {
	if (name === 'AnswerReader') return { ok: pieces(input[0]) };
	try {
		const result = core[name](...input);
		if (!name.startsWith('read')) return { ok: name === 'askBody' ? JSON.parse(result) : result };
		return 'Ok' in result ? { ok: result.Ok } : { error: result.Err };
	} catch (error) {
		const { code, message, hint } = error;
		if (hint === undefined) throw error;
		return { error: { code, message, hint } };
	}
}

function pieces(chunks) {
	const reader = new core.AnswerReader();
	const bytes = (chunk) =>
		typeof chunk === 'string' ? new TextEncoder().encode(chunk) : Buffer.from(chunk.base64, 'base64');
	const found = chunks.flatMap((chunk) => reader.push(bytes(chunk)));
	return [...found, ...[reader.finish()].filter((piece) => piece !== null)];
}
