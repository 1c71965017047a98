// One suite for both stores: what serve writes, `history` shows, `rate` judges, and the next start goes on from.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { run, scratchFolder, until } from '../bed/index.mjs';
import { build, startHost, startSidecar } from '../serve/sidecar.mjs';
import { ask, holds, missing, rows, select, stores } from './store.mjs';

const MODEL = { models: [{ name: 'm' }] };

/** The queries of docs/history.md: those for SQLite, and those for PostgreSQL. */
function documented(name) {
	const text = readFileSync(new URL('../../../docs/history.md', import.meta.url), 'utf8');
	const queries = [...text.matchAll(/([^\n]*)\n\n```sql\n([\s\S]+?)```/g)].map(([, words, sql]) => ({
		sql,
		of: words.includes('(SQLite)') ? 'SQLite' : 'PostgreSQL',
	}));
	return queries.filter(({ of }) => of === name).map(({ sql }) => sql);
}

for (const [name, open] of Object.entries(stores)) {
	test(`${name}: rows, pages, ratings and what was learned`, async (t) => {
		const store = await open(t);
		if (!store) return;
		t.after(store.remove);
		const program = build();
		const host = await startHost(program, MODEL);
		t.after(host.stop);
		const flags = ['--history', store.url];
		const sidecar = await startSidecar(program, { pc: host.url }, flags);
		t.after(sidecar.stop);
		for (let job = 0; job < 12; job += 1) assert.equal(await ask(sidecar), 200);
		await until('12 rows', async () => (await sidecar.scrape()).sum('dispatcher_history_rows_total') === 12);
		const shown = await sidecar.scrape();
		assert.equal(shown.sum('dispatcher_history_up'), 1);
		assert.equal(shown.sum('dispatcher_history_dropped_total'), 0);
		assert.equal(shown.sum('dispatcher_history_queue_rows'), 0);

		const all = await rows(program, store.url);
		assert.equal(all.length, 12);
		assert.ok(
			all.every(
				(row) =>
					row.ok && row.host === 'pc' && row.decision.candidates[0].terms.decode_s >= 0 && row.prompt === undefined,
			),
		);
		const pages = [await rows(program, store.url, '--limit', '5')];
		while (pages.at(-1).length > 0)
			pages.push(await rows(program, store.url, '--limit', '5', '--before', pages.at(-1).at(-1).job));
		assert.deepEqual(pages.flat(), all);
		assert.equal((await rows(program, store.url, '--outcome', 'failed')).length, 0);
		assert.equal((await rows(program, store.url, '--model', all[0].model, '--since', '1h')).length, 12);

		// A running sidecar heeds it: its next decision names a higher price of that model's quality.
		await run(program('smart-ai'), [...flags, 'rate', all[0].job, 'down']);
		const price = (row) => row.decision.candidates[0].terms.quality_s;
		await until('the rating to be heeded', async () => {
			await ask(sidecar);
			return price((await rows(program, store.url, '--limit', '1'))[0]) > price(all[0]);
		});
		await sidecar.stop();

		const again = await startSidecar(program, { pc: host.url }, flags);
		t.after(again.stop);
		assert.equal(await ask(again), 200);
		await until('a row', async () => (await again.scrape()).sum('dispatcher_history_rows_total') === 1);
		const [first] = await rows(program, store.url, '--limit', '1');
		assert.ok(price(first) > price(all[0]), 'the rating outlives the program');
		const length = (row) => row.decision.output_tokens;
		for (const stream of [true, false]) {
			const passed = await fetch(`${again.proxy}/api/generate`, {
				method: 'POST',
				body: JSON.stringify({ model: 'auto', prompt: 'hello', stream }),
			});
			await passed.arrayBuffer();
			const job = passed.headers.get('x-smart-ai-job');
			await until('the row a header names', async () => (await rows(program, store.url, '--job', job)).length === 1);
		}
		const response = await fetch(`${again.proxy}/smart-ai/ask`, {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body: JSON.stringify({ prompt: 'hello' }),
		});
		const { job } = await response.json();
		await until('the row an answer names', async () => (await rows(program, store.url, '--job', job)).length === 1);
		assert.ok(
			length(first) < length(all.at(-1)),
			`what was learned was lost: ${length(first)} tokens expected, at the very first ${length(all.at(-1))}`,
		);
	});

	test(`${name}: the queries of its documentation give other programs rows while it is written`, async (t) => {
		const store = await open(t);
		if (!store) return;
		t.after(store.remove);
		const program = build();
		const host = await startHost(program, MODEL);
		t.after(host.stop);
		const sidecar = await startSidecar(program, { pc: host.url }, ['--history', store.url]);
		t.after(sidecar.stop);
		assert.equal(await ask(sidecar), 200);
		await until('a row', async () => (await sidecar.scrape()).sum('dispatcher_history_rows_total') === 1);
		const queries = documented(name);
		assert.ok(queries.length > 0);
		for (const sql of queries) {
			const found = await select(store, sql);
			if (found === null) return missing(t, name === 'SQLite' ? 'python3' : 'psql');
			assert.equal(found.length, 1, sql);
			assert.match(found[0], /m:latest/);
			assert.doesNotMatch(found[0], /None|\|\||\|$/, `a column that is empty: ${sql}`);
		}
	});

	test(`${name}: prompts and answers are in its files only where the owner says so`, async (t) => {
		const store = await open(t);
		if (!store) return;
		t.after(store.remove);
		const program = build();
		const host = await startHost(program, { models: [{ name: 'm', answer: 'a treasure of an answer' }] });
		t.after(host.stop);
		const kept = async (prompt, prompts) => {
			const config = path.join(scratchFolder('config'), 'smart-ai.toml');
			writeFileSync(config, `[[hosts]]\nurl = "${host.url}"\n[history]\nurl = "${store.url}"\n${prompts}`);
			const { stdout } = await run(program('smart-ai'), ['--config', config, 'ask', prompt]);
			assert.equal(stdout.trim(), 'a treasure of an answer');
			const [row] = await rows(program, store.url, '--limit', '1');
			return { row, prompt: holds(store, prompt), answer: holds(store, 'a treasure of') };
		};
		const without = await kept('where is it buried', '');
		assert.deepEqual(
			[without.prompt, without.answer, without.row.prompt, without.row.text],
			[false, false, undefined, undefined],
		);
		const { row, ...found } = await kept('who has buried it', 'prompts = true\n');
		assert.deepEqual(found, { prompt: true, answer: true });
		assert.deepEqual([row.prompt, row.text], ['who has buried it', 'a treasure of an answer']);
	});
}
