// The wall clock is set while jobs run: an hour ahead, then two hours back. No deadline moves, and no time is counted
// wrong. Linux only: the clock of a process of its own is set, not that of the machine.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MissingPart, scratchFolder, skip } from '../bed/index.mjs';
import { onPath } from '../bed/process.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

/** Runs the same file again under a clock that can be set. */
function underOwnClock() {
	const folder = scratchFolder('clock');
	const library = path.join(folder, 'clock.so');
	execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, path.join(here, 'clock.c'), '-ldl']);
	const env = { ...process.env, LD_PRELOAD: library, CLOCK_OFFSET: path.join(folder, 'offset') };
	// Node's runner would count the tests of a child of its own as its own.
	delete env.NODE_TEST_CONTEXT;
	return spawnSync(process.execPath, ['--test-reporter=spec', fileURLToPath(import.meta.url)], {
		env,
		encoding: 'utf8',
	});
}

if (process.env.CLOCK_OFFSET) await jobs();
else {
	test('the clock is set while a job runs, on both drivers', (t) => {
		if (process.platform !== 'linux' || !onPath('cc'))
			return skip(
				t,
				new MissingPart('Linux and a C compiler', 'the clock of one process is set by a preloaded library'),
			);
		const { status, stdout } = underOwnClock();
		assert.equal(status, 0, stdout);
		assert.match(stdout, /pass [1-9]/);
	});
}

async function jobs() {
	const offset = process.env.CLOCK_OFFSET;
	// The simulated host has the right time.
	delete process.env.LD_PRELOAD;
	const [{ drivers }, { startHost }, { MODEL }] = await Promise.all([
		import('./drivers.mjs'),
		import('./host.mjs'),
		import('./fleet.mjs'),
	]);
	/** Sets the clock, and makes sure that it is. */
	const set = (seconds) => {
		const before = Date.now();
		writeFileSync(offset, String(seconds));
		assert.ok(Math.abs(Date.now() - before) > 1_800_000, 'the clock was not set');
	};
	for (const [name, create] of Object.entries(drivers)) {
		suite(name, () => {
			for (const [what, seconds] of [
				['ahead', 3_600],
				['back', -3_600],
			]) {
				test(`set ${what} in mid-stream`, async () => {
					const host = await startHost({ models: [{ name: MODEL, decode_tok_per_s: 50, output_tokens: 30 }] });
					writeFileSync(offset, '0');
					const ai = create({ hosts: [{ id: 'a', url: host.url }] });
					let pieces = 0;
					const onText = () => {
						pieces += 1;
						if (pieces === 5) set(seconds);
					};
					const began = performance.now();
					const answer = await ai.ask({ prompt: 'Say hello.', deadline_ms: 60_000 }, { onText });
					const took = performance.now() - began;
					assert.deepEqual([answer.ok, answer.attempts.length], [true, 1], JSON.stringify(answer.error));
					assert.ok(pieces > 5 && answer.ms.total > 0 && answer.ms.total <= took + 1, `${answer.ms.total} of ${took}`);
					// The next job is not taken for an old one.
					const next = await ai.ask({ prompt: 'Say hello.', deadline_ms: 60_000 });
					assert.ok(next.ok, JSON.stringify(next.error));
					ai.close();
					await host.stop();
				});
			}
		});
	}
}
