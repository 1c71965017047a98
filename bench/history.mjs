// How long the history takes to show a page and to give back what was learned, and what it costs a job. `node
// bench/run.mjs history`
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';
import { scratchFolder } from '../tests/e2e/bed/index.mjs';
import { build, startHost, startSidecar } from '../tests/e2e/serve/sidecar.mjs';
import { ask, python } from '../tests/e2e/history/store.mjs';
import { median, quantile } from './statistics.mjs';
import { table } from './table.mjs';

const ROWS = 1_000_000;
const REPEATS = 11;

const PROFILE = process.env.PROFILE ?? 'release';

export const title = 'The history with a million jobs';
export const about = `An SQLite file of ${ROWS.toLocaleString('en')} jobs over 90 days (8 models on 5 hosts, 3 %
failed), each with a decision and an attempt; a ${PROFILE} build. Every time is that of the whole program, from start
to exit; the first row is the program that only says its version. Restore is \`serve\` until it listens, with this
file against without a history. Goals: a page within 50 ms, restore within 500 ms.`;

const FILL = `
import json, random, sqlite3, sys
rows = int(sys.argv[2])
db = sqlite3.connect(sys.argv[1])
random.seed(1)
(job, detail), = db.execute("SELECT job, detail FROM decisions LIMIT 1").fetchall()
(at,), = db.execute("SELECT at_ms FROM jobs LIMIT 1").fetchall()
step = 80 * 86400000 // rows
models = [f"model-{n}:7b" for n in range(8)]
tasks = ["chat", "code", "extract", "general"]
db.execute("PRAGMA synchronous = OFF")
def jobs():
    for n in range(rows):
        ok = random.random() > 0.03
        yield (f"f{n:07}-1", at - (rows - n) * step, random.choice(tasks), "balanced", None,
               "ok" if ok else "no_capable_model", random.choice(models) if ok else None,
               f"host-{random.randrange(5)}" if ok else None, 100, 200, 0.0, 0.0, 300.0, 4000.0, 3900.0)
columns = """job, at_ms, task, mode, shape, outcome, model, host, prompt_tokens, output_tokens, queue_ms, load_ms,
             first_token_ms, total_ms, predicted_ms"""
db.executemany(f"INSERT INTO jobs ({columns}) VALUES ({','.join('?' * 15)})", jobs())
db.executemany("INSERT INTO decisions (job, detail) VALUES (?, ?)", ((f"f{n:07}-1", detail) for n in range(rows)))
db.executemany("""INSERT INTO attempts (job, number, host, model, outcome, detail, ms)
                  VALUES (?, 1, 'host-1', 'model-1:7b', 'ok', '', 4000)""", ((f"f{n:07}-1",) for n in range(rows)))
db.commit()
print(db.execute("SELECT count(*) FROM jobs").fetchone()[0])
`;

function timed(command, args) {
	const times = [];
	for (let repeat = 0; repeat < REPEATS; repeat += 1) {
		const began = performance.now();
		const { status, stderr } = spawnSync(command, args, { maxBuffer: 1 << 28 });
		if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
		times.push(performance.now() - began);
	}
	return times;
}

async function started(program, host, flags) {
	const times = [];
	for (let repeat = 0; repeat < REPEATS; repeat += 1) {
		const began = performance.now();
		const sidecar = await startSidecar(program, { pc: host.url }, flags);
		times.push(performance.now() - began);
		await sidecar.stop();
	}
	return times;
}

export async function run() {
	const program = build(PROFILE);
	const url = path.join(scratchFolder('history'), 'history.db');
	const host = await startHost(program, { models: [{ name: 'm' }] });
	const first = await startSidecar(program, { pc: host.url }, ['--history', url]);
	await ask(first);
	await first.stop();
	if (python(FILL, url, String(ROWS)) === null) throw new Error('skipped: needs python3 with sqlite3');
	const smart = program('smart-ai');
	const page = (...flags) => timed(smart, ['--history', url, 'history', '--json', ...flags]);
	const without = await started(program, host, []);
	const measured = [
		['smart-ai --version', timed(smart, ['--version'])],
		['history: the newest 50', page()],
		['50 from the middle', page('--before', `f${String(ROWS / 2).padStart(7, '0')}-1`)],
		['50 of one model', page('--model', 'model-3:7b')],
		['50 of one model and host', page('--model', 'model-3:7b', '--on', 'host-2')],
		['50 that failed', page('--outcome', 'failed')],
		['50 of a model nobody has', page('--model', 'none')],
		['serve until it listens, no history', without],
		['the same, restored from the history', await started(program, host, ['--history', url])],
	];
	await host.stop();
	const ms = (value) => `${value.toFixed(1)} ms`;
	const rows = measured.map(([what, times]) => ({ what, half: ms(median(times)), most: ms(quantile(times, 1)) }));
	const size = `${(statSync(url).size / 1e6).toFixed(0)} MB`;
	return `${table(
		[
			['', 'what'],
			['half within', 'half'],
			['all within', 'most'],
		],
		rows,
	)}\n\nThe file has ${size}.`;
}
