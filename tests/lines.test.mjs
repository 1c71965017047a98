// No line of JavaScript is longer than 120 columns, a tab being two: Biome breaks code, but neither comments nor texts.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../paths.mjs';

const MAX_COLUMNS = 120;
const GENERATED = ['core/types/', 'runtime/src/report/page/page.js'];

test('every line of JavaScript fits', () => {
	const tracked = execFileSync('git', ['ls-files', '*.mjs', '*.ts', '*.js'], { cwd: root, encoding: 'utf8' });
	const files = tracked.split('\n').filter((file) => file && !GENERATED.some((start) => file.startsWith(start)));
	const longer = files
		.filter((file) => existsSync(join(root, file)))
		.flatMap((file) => {
			const lines = readFileSync(join(root, file), 'utf8').split('\n');
			const places = lines.map((line, index) => [[...line.replaceAll('\t', '  ')].length, `${file}:${index + 1}`]);
			return places.filter(([columns]) => columns > MAX_COLUMNS).map(([columns, place]) => `${place}: ${columns}`);
		});
	assert.deepEqual(longer, []);
});
