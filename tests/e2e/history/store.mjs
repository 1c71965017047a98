// A store under test: an SQLite file or a PostgreSQL server, with the same things to do to each.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { everyPartRequired, needOrSkip, run, scratchFolder } from '../bed/index.mjs';
import { onPath } from '../bed/process.mjs';

export const stores = {
	SQLite: async () => {
		const folder = scratchFolder('history');
		return { url: path.join(folder, 'history.db'), folder, remove: async () => {} };
	},
	PostgreSQL: async (t) => {
		const parts = await needOrSkip(t, 'postgres');
		return parts?.postgres.start();
	},
};

/** Skips a test for want of something that is no part of the bed, unless every part is required. */
export function missing(t, what) {
	if (everyPartRequired) throw new Error(`needs ${what}`);
	t.skip(`skipped: needs ${what}`);
}

/** Rows of the history, newest first. */
export async function rows(program, url, ...flags) {
	const { stdout } = await run(program('smart-ai'), [
		'--history',
		url,
		'history',
		'--json',
		...flags,
		...(flags.includes('--limit') ? [] : ['--limit', '100000']),
	]);
	return stdout
		.split('\n')
		.filter(Boolean)
		.map((line) => JSON.parse(line));
}

/** One request through the proxy; its status. */
export async function ask(sidecar, prompt = 'hello') {
	const body = JSON.stringify({ model: 'auto', prompt, stream: false });
	const response = await fetch(`${sidecar.proxy}/api/generate`, { method: 'POST', body });
	await response.arrayBuffer();
	return response.status;
}

/** Whether any file of the store holds this text. */
export function holds(store, text) {
	const { status } = spawnSync('grep', ['-rqaF', '-e', text, store.folder]);
	if (status > 1) throw new Error('the files of the store cannot be searched');
	return status === 0;
}

// Prints the rows of a query as lines, opening the file as Datasette and Grafana do: to read only.
const SELECT =
	'import sqlite3, sys; c = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True); ' +
	'print("\\n".join(map(str, c.execute(sys.argv[2]))))';

/** Rows that another program's query gives, as lines; null where that program is missing. */
export async function select(store, sql) {
	const lines = (text) => text.split('\n').filter(Boolean);
	if (store.url.startsWith('postgres')) {
		if (!onPath('psql')) return null;
		return lines((await run('psql', [store.url, '--tuples-only', '--no-align', '--command', sql])).stdout);
	}
	if (python('print(1)') === null) return null;
	return lines(python(SELECT, store.url, sql) ?? '');
}

/** Runs a script of Python with its SQLite, which no part of the program is; null where there is none. */
export function python(script, ...args) {
	const { status, stdout } = spawnSync('python3', ['-c', script, ...args], { encoding: 'utf8' });
	return status === 0 ? stdout.trim() : null;
}
