import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const built = await build({ entryPoints: [file('../js/schema.ts')], bundle: true, format: 'esm', write: false });
const { misfit } = await import(
	`data:text/javascript;base64,${Buffer.from(built.outputFiles[0].contents).toString('base64')}`
);
const { cases } = JSON.parse(readFileSync(file('../../tests/vectors/schema/misfit.json'), 'utf8'));

for (const { name, schema, answer, misfit: wanted } of cases) {
	test(`what does not fit: ${name}`, () => assert.equal(misfit(schema, JSON.stringify(answer)), wanted));
}
