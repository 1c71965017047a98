// A gradual rollout: what it tells in shadow would be gained is what the switch then gains, and the history keeps both.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { scratchFolder, stopAll } from '../bed/index.mjs';
import { build, startHostOfSpeed } from './sidecar.mjs';

const ITEMS = 100;

after(stopAll);

/** Asks for one model on one host, as before a switch; long enough to teach how fast each model reads. */
const ask = (at, percent) => ({
	id: at,
	prompt: `Item ${at}: ${`number ${at} of the catalogue, `.repeat(40)} describe it.`,
	mode: 'fast',
	model: 'large:7b',
	host: 'nas',
	max_tokens: 32,
	shape: 'items',
	rollout: { percent },
});

test('the gain that shadow predicts is what the switch measures, within 15 points', async (t) => {
	const program = build();
	const hosts = { pc: (await startHostOfSpeed(program, 1)).url, nas: (await startHostOfSpeed(program, 0.5)).url };
	const named = Object.entries(hosts).flatMap(([name, url]) => ['--host', `${name}=${url}`]);
	const file = path.join(scratchFolder('asks'), 'asks.jsonl');
	const history = path.join(scratchFolder('history'), 'history.db');
	const run = (percent, count, concurrency) => {
		writeFileSync(file, Array.from({ length: count }, (_, at) => JSON.stringify(ask(at, percent))).join('\n'));
		const flags = ['--jsonl', file, '--concurrency', String(concurrency), '--json', '--history', history];
		const options = { encoding: 'utf8', maxBuffer: 1e8 };
		return rowsOf(execFileSync(program('smart-ai'), ['ask', ...flags, ...named], options));
	};
	// What each model on each host can do is learned first, as where it has run for a while.
	run(0, 12, 4);
	run(100, 12, 4);
	const [shadow, switched] = [run(0, ITEMS, 4), run(100, ITEMS, 4)];
	assert.ok(shadow.every(({ model, host }) => model === 'large:7b' && host === 'nas'));
	const sum = (rows, of) => rows.reduce((total, row) => total + of(row), 0);
	const of = (row) => row.decision.comparison;
	const predicted = sum(shadow, (row) => of(row).gain_ms) / sum(shadow, (row) => of(row).named.predicted_ms);
	const measured = 1 - sum(switched, ({ ms }) => ms.total) / sum(shadow, ({ ms }) => ms.total);
	const told = `gain: ${Math.round(predicted * 100)} % predicted, ${Math.round(measured * 100)} % measured`;
	t.diagnostic(told);
	assert.ok(Math.abs(predicted - measured) <= 0.15, told);

	const kept = rowsOf(
		execFileSync(program('smart-ai'), ['history', '--history', history, '--json', '--limit', '1000'], {
			encoding: 'utf8',
		}),
	);
	assert.equal(kept.filter((row) => of(row).switched).length, ITEMS + 12);
});

const rowsOf = (text) =>
	text
		.trim()
		.split('\n')
		.map((line) => JSON.parse(line));
