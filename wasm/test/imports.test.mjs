// The built core can reach nothing but the glue that comes with it: no file, no network, no clock, no randomness.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { test } from 'node:test';

test('the core names no folder of the machine that built it', () => {
	const text = readFileSync(new URL('../dist/core_bg.wasm', import.meta.url), 'latin1');
	// A library of dates names the folder where systems keep time zones.
	const places = text.match(/(\/(root|home|tmp|Users|work|build|opt)\/|[A-Z]:\\)[\w./\\-]*/g);
	assert.equal(places, null);
	assert.ok(!text.includes(homedir()) && !text.includes('.cargo') && !text.includes('.rustup'));
});

for (const target of ['nodejs', 'bundler']) {
	test(`the core built for ${target} imports only wasm-bindgen's glue`, () => {
		const bytes = readFileSync(new URL(`../pkg/${target}/core_bg.wasm`, import.meta.url));
		const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes));
		assert.deepEqual([...new Set(imports.map(({ module }) => module))], ['./core_bg.js']);
		const others = imports.filter(({ name, kind }) => kind !== 'function' || !/^__wb(g|indgen)_/.test(name));
		assert.deepEqual(others, []);
		const reach = imports.filter(({ name }) => /fetch|random|crypto|date|now|performance|process|require/i.test(name));
		assert.deepEqual(reach, []);
	});
}
