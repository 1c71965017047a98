// A store that fails: jobs go on, a metric and one line tell, writing resumes. A program that is killed leaves a sound
// file.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { scratchFolder, until } from '../bed/index.mjs';
import { build, startHost, startSidecar } from '../serve/sidecar.mjs';
import { ask, missing, python, rows, select, stores } from './store.mjs';

const MODEL = { models: [{ name: 'm' }] };
const KILLS = 50;
const CHECK =
	'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("PRAGMA integrity_check").fetchone()[0])';
// Holds the file until its stdin ends.
const LOCK =
	'import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute("BEGIN IMMEDIATE"); ' +
	'print("locked", flush=True); sys.stdin.read()';

async function fleet(t, url, config = MODEL) {
	const program = build();
	const host = await startHost(program, config);
	t.after(host.stop);
	const sidecar = await startSidecar(program, { pc: host.url }, ['--history', url]);
	t.after(sidecar.stop);
	const shows = (what, name, wanted) =>
		until(what, async () => wanted((await sidecar.scrape()).sum(name)), { deadlineMs: 60_000 });
	return { program, host, sidecar, shows };
}

/** Jobs before, while it fails, and after: all are answered, and all are kept in the end. */
async function outage(t, url, fail, heal) {
	const { program, sidecar, shows } = await fleet(t, url);
	assert.equal(await ask(sidecar), 200);
	await shows('the first row', 'dispatcher_history_rows_total', (rows) => rows === 1);
	await fail();
	for (let job = 0; job < 3; job += 1) assert.equal(await ask(sidecar), 200);
	await shows('the outage', 'dispatcher_history_up', (up) => up === 0);
	assert.match(sidecar.log(), /history: .* cannot be written: .*jobs go on/);
	assert.equal(await ask(sidecar), 200);
	await heal();
	await shows('writing to resume', 'dispatcher_history_up', (up) => up === 1);
	await shows('every row', 'dispatcher_history_rows_total', (rows) => rows === 5);
	assert.match(sidecar.log(), /history: written to .* again/);
	assert.equal((await rows(program, url)).length, 5);
}

test('PostgreSQL goes and comes back', async (t) => {
	const store = await stores.PostgreSQL(t);
	if (!store) return;
	t.after(store.remove);
	await outage(t, store.url, store.stop, store.begin);
});

test('the file is locked by another program', async (t) => {
	const { url } = await stores.SQLite();
	if (python('print(1)') === null) return missing(t, 'python3');
	let holder;
	await outage(
		t,
		url,
		async () => {
			holder = spawn('python3', ['-c', LOCK, url], { stdio: ['pipe', 'pipe', 'inherit'] });
			t.after(() => holder.kill());
			await new Promise((resolve) => holder.stdout.once('data', resolve));
		},
		async () => holder.stdin.end(),
	);
});

test('the disk is full', async (t) => {
	const folder = path.join(scratchFolder('full'), 'disk');
	mkdirSync(folder);
	if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]).status !== 0)
		return missing(t, 'the right to mount a tmpfs');
	t.after(() => spawnSync('umount', ['-l', folder]));
	const filler = path.join(folder, 'filler');
	await outage(
		t,
		path.join(folder, 'history.db'),
		async () => spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=1k']),
		async () => spawnSync('rm', [filler]),
	);
});

test('the file cannot be written from the start', async (t) => {
	const folder = path.join(scratchFolder('readonly'), 'disk');
	mkdirSync(folder);
	if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'ro,size=4m', 'tmpfs', folder]).status !== 0)
		return missing(t, 'the right to mount a tmpfs');
	t.after(() => spawnSync('umount', ['-l', folder]));
	const url = path.join(folder, 'history.db');
	const { program, sidecar, shows } = await fleet(t, url);
	assert.match(sidecar.log(), /history: .* cannot be opened: .*jobs go on/);
	assert.equal(await ask(sidecar), 200);
	assert.equal((await sidecar.scrape()).sum('dispatcher_history_up'), 0);
	assert.equal(spawnSync('mount', ['-o', 'remount,rw', folder]).status, 0);
	await shows('writing to begin', 'dispatcher_history_rows_total', (rows) => rows === 1);
	assert.equal((await rows(program, url)).length, 1);
});

test('the file is deleted while it is open: a new one is begun, with all that was learned', async (t) => {
	const { url, folder } = await stores.SQLite();
	const { program, sidecar, shows } = await fleet(t, url);
	for (let job = 0; job < 3; job += 1) assert.equal(await ask(sidecar), 200);
	await shows('the first rows', 'dispatcher_history_rows_total', (rows) => rows === 3);
	for (const name of readdirSync(folder)) rmSync(path.join(folder, name));
	for (let job = 0; job < 2; job += 1) assert.equal(await ask(sidecar), 200);
	await shows('the new rows', 'dispatcher_history_rows_total', (rows) => rows === 5);
	await sidecar.stop();
	assert.match(sidecar.log(), /history: .* is gone: a new one is begun/);
	assert.equal((await rows(program, url)).length, 2);
	const subject = JSON.stringify({ kind: 'arm', host: 'pc', model: 'm:latest' });
	const sql = `SELECT json_extract(detail, '$.calls.calls.successes') FROM estimates WHERE subject = '${subject}'`;
	const found = await select({ url }, sql);
	if (found === null) return missing(t, 'python3');
	const successes = Number.parseFloat(found[0].slice(1));
	assert.ok(successes > 4.5 && successes < 5.1, `${successes} of the five calls`);
});

test(`killed ${KILLS} times, the file stays sound and keeps what was written`, async (t) => {
	const { url } = await stores.SQLite();
	if (python('print(1)') === null) return missing(t, 'python3');
	const program = build();
	const host = await startHost(program, MODEL);
	t.after(host.stop);
	let kept = 0;
	for (let kill = 0; kill < KILLS; kill += 1) {
		const sidecar = await startSidecar(program, { pc: host.url }, ['--history', url]);
		assert.equal(await ask(sidecar), 200);
		await until('the row', async () => (await sidecar.scrape()).sum('dispatcher_history_rows_total') === 1);
		kept += 1;
		// More under way, so that the end comes in the middle of writing, now here and now there.
		const underway = Promise.allSettled([1, 2, 3, 4].map(() => ask(sidecar)));
		if (kill % 2 === 0) await underway;
		process.kill(sidecar.pid, 'SIGKILL');
		await sidecar.ended;
		await underway;
	}
	assert.equal(python(CHECK, url), 'ok');
	const found = (await rows(program, url)).length;
	assert.ok(found >= kept, `${found} rows, of ${kept} that were written`);
});

test('a program that is killed in the middle of its work loses no job of more than a second ago', async (t) => {
	const { url } = await stores.SQLite();
	// Few enough at a time that no batch is full before it is due.
	const { program, sidecar } = await fleet(t, url, {
		models: [{ name: 'm', decode_tok_per_s: 200, output_tokens: 6 }],
	});
	const answered = [];
	const began = Date.now();
	const client = async () => {
		while (Date.now() - began < 3000) {
			const response = await fetch(`${sidecar.proxy}/api/generate`, {
				method: 'POST',
				body: JSON.stringify({ model: 'auto', prompt: 'hello', stream: false }),
			});
			await response.arrayBuffer();
			answered.push({ job: response.headers.get('x-smart-ai-job'), at: Date.now() });
		}
	};
	await Promise.all([client(), client()]);
	const killed = Date.now();
	process.kill(sidecar.pid, 'SIGKILL');
	await sidecar.ended;
	const kept = new Set((await rows(program, url)).map(({ job }) => job));
	const due = answered.filter(({ at }) => at < killed - 1000);
	assert.ok(due.length > 20, `${due.length} jobs are too few to tell`);
	assert.deepEqual(
		due.filter(({ job }) => !kept.has(job)),
		[],
	);
});
