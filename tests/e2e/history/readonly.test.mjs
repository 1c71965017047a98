// A history that may only be read: one clear line, everything else works, and what it holds is still shown.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { run, scratchFolder, until } from '../bed/index.mjs';
import { build, startHost, startSidecar } from '../serve/sidecar.mjs';
import { ask, missing, rows, select, stores } from './store.mjs';

const told = promisify(execFile);
const MODEL = { models: [{ name: 'm' }] };

/** One job kept by `url`; then `close`, and everything again by the url that may only read. */
async function readOnly(t, url, close) {
	const program = build();
	const host = await startHost(program, MODEL);
	t.after(host.stop);
	const asked = (history) =>
		told(program('smart-ai'), ['--host', `pc=${host.url}`, '--history', history, 'ask', '--json', 'hello']);
	const first = JSON.parse((await asked(url)).stdout);
	const read = await close();
	const lines = (text) => text.split('\n').filter((line) => line.includes('history:'));
	const second = await asked(read);
	assert.equal(JSON.parse(second.stdout).ok, true);
	assert.equal(lines(second.stderr).length, 1, second.stderr);
	assert.match(second.stderr, /history: .* can be read, not written: .*what was learned there is used, jobs go on/);
	assert.ok(
		JSON.parse(second.stdout).decision.output_tokens < first.decision.output_tokens,
		'what was learned is not used',
	);

	const sidecar = await startSidecar(program, { pc: host.url }, ['--history', read]);
	t.after(sidecar.stop);
	for (let job = 0; job < 3; job += 1) assert.equal(await ask(sidecar), 200);
	await until('the metric', async () => (await sidecar.scrape()).sum('dispatcher_history_up') === 0);
	await sidecar.stop();
	assert.equal(lines(sidecar.log()).length, 1, sidecar.log());

	assert.equal((await rows(program, read)).length, 1);
	const page = path.join(scratchFolder('report'), 'page.html');
	await run(program('smart-ai'), ['--history', read, 'report', '--no-replay', '--out', page]);
}

test('PostgreSQL: a user who may only read', async (t) => {
	const store = await stores.PostgreSQL(t);
	if (!store) return;
	t.after(store.remove);
	const as = (user) => store.url.replace('//smart@', `//${user}@`);
	await readOnly(t, store.url, async () => {
		const made = await select(store, 'CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader');
		if (made === null) return missing(t, 'psql');
		return as('reader');
	});
});

test('PostgreSQL: a user who may write rows needs no right to make tables', async (t) => {
	const store = await stores.PostgreSQL(t);
	if (!store) return;
	t.after(store.remove);
	const program = build();
	const host = await startHost(program, MODEL);
	t.after(host.stop);
	const asked = (history) =>
		told(program('smart-ai'), ['--host', `pc=${host.url}`, '--history', history, 'ask', 'hello']);
	await asked(store.url);
	const made = await select(
		store,
		'CREATE ROLE clerk LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk',
	);
	if (made === null) return missing(t, 'psql');
	const { stderr } = await asked(store.url.replace('//smart@', '//clerk@'));
	assert.doesNotMatch(stderr, /history:/);
	assert.equal((await rows(program, store.url)).length, 2);
});

test('SQLite: a file system that may only be read', async (t) => {
	const folder = path.join(scratchFolder('readonly'), 'disk');
	mkdirSync(folder);
	if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder]).status !== 0)
		return missing(t, 'the right to mount a tmpfs');
	t.after(() => spawnSync('umount', ['-l', folder]));
	const url = path.join(folder, 'history.db');
	await readOnly(t, url, async () => {
		assert.equal(spawnSync('mount', ['-o', 'remount,ro', folder]).status, 0);
		return url;
	});
});
