// A part of the cache is made once, however many processes want it, and a process that was killed holds up nobody.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { run } from './process.mjs';

const home = mkdtempSync(path.join(tmpdir(), 'smart-ai-cache-'));
after(() => rmSync(home, { recursive: true, force: true }));
const made = path.join(home, 'made');

const program = `
	import { appendFile } from 'node:fs/promises';
	import { ensurePart } from ${JSON.stringify(new URL('cache.mjs', import.meta.url).href)};
	const folder = await ensurePart('part', 'a part', () => appendFile(${JSON.stringify(made)}, 'once\\n'));
	console.log(folder);
`;
const wants = () =>
	run(process.execPath, ['--input-type=module', '--eval', program], { env: { ...process.env, XDG_CACHE_HOME: home } });

test('many processes make a part once, also where one was killed while it made it', async () => {
	const abandoned = path.join(home, 'smart-ai', 'part.lock');
	mkdirSync(abandoned, { recursive: true });
	const longAgo = new Date(Date.now() - 3_600_000);
	utimesSync(abandoned, longAgo, longAgo);
	const ends = await Promise.all([wants(), wants(), wants()]);
	assert.deepEqual(new Set(ends.map(({ stdout }) => stdout)), new Set([`${path.join(home, 'smart-ai', 'part')}\n`]));
	assert.equal(readFileSync(made, 'utf8'), 'once\n');
});
