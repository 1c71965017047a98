// Fuzzes core: `node fuzz/run.mjs [target…] [--seconds N]`. Starts from the committed corpus; what it finds anew stays
// in the cache folder. libFuzzer with coverage, on the stable compiler; needs a C++ compiler. `--keep` writes the
// smallest set that covers as much back to the corpus.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cache, target as compiled } from '../paths.mjs';

const TARGETS = ['answer', 'metrics', 'events'];
const FLAGS = [
	'-Cpasses=sancov-module',
	...['level=4', 'inline-8bit-counters', 'pc-table', 'trace-compares'].map(
		(option) => `-Cllvm-args=-sanitizer-coverage-${option}`,
	),
	'-Ccodegen-units=1',
];
const MAX_BYTES = 4096;

const here = path.dirname(fileURLToPath(import.meta.url));
const built = path.join(compiled, 'fuzz');

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { seconds: { type: 'string', default: '5' }, keep: { type: 'boolean', default: false } },
});
const targets = positionals.length > 0 ? positionals : TARGETS;
const unknown = targets.filter((target) => !TARGETS.includes(target));
if (unknown.length > 0 || !(Number(values.seconds) > 0)) {
	console.error(`usage: node fuzz/run.mjs [${TARGETS.join('|')}]… [--seconds N] [--keep]`);
	process.exit(2);
}

const host = /host: (\S+)/.exec(spawnSync('rustc', ['-vV'], { encoding: 'utf8' }).stdout)[1];
const env = { ...process.env, CARGO_TARGET_DIR: built, RUSTFLAGS: FLAGS.join(' ') };
// A target named to cargo keeps the flags from build scripts and macros.
demand(
	'cargo',
	['build', '--locked', '--quiet', '--release', '--target', host, ...targets.flatMap((target) => ['--bin', target])],
	{ cwd: here, env },
);
for (const target of targets) fuzz(target);

function fuzz(target) {
	const program = path.join(built, host, 'release', target);
	const corpus = path.join(here, 'corpus', target);
	const found = path.join(cache, 'fuzz', target);
	mkdirSync(found, { recursive: true });
	const dictionary = path.join(here, 'dictionaries', `${target}.dict`);
	const options = [`-max_len=${MAX_BYTES}`, ...(existsSync(dictionary) ? [`-dict=${dictionary}`] : [])];
	console.log(`== ${target}: ${values.seconds} s`);
	// What is known must pass first: a fault that was found once stays found.
	demand(program, ['-runs=0', ...options, corpus], { quiet: true });
	demand(
		program,
		[
			`-max_total_time=${values.seconds}`,
			`-artifact_prefix=${found}-crash-`,
			'-print_final_stats=1',
			...options,
			found,
			corpus,
		],
		{ quiet: true },
	);
	if (values.keep) keep(program, options, corpus, found);
}

function keep(program, options, corpus, found) {
	const smallest = `${corpus}.new`;
	mkdirSync(smallest, { recursive: true });
	demand(program, ['-set_cover_merge=1', '-use_counters=0', ...options, smallest, corpus, found], { quiet: true });
	rmSync(corpus, { recursive: true });
	renameSync(smallest, corpus);
}

/** Runs to a good end, or ends this process; `quiet` shows the output only where it fails, but for the figures. */
function demand(command, args, { quiet = false, ...options } = {}) {
	const { status, stderr } = spawnSync(command, args, {
		encoding: 'utf8',
		maxBuffer: 1 << 28,
		stdio: ['ignore', 'inherit', quiet ? 'pipe' : 'inherit'],
		...options,
	});
	if (status === 0) {
		for (const [line] of (stderr ?? '').matchAll(
			/^(Done \d+ runs.*|stat::(number_of_executed_units|new_units_added|peak_rss_mb).*)$/gm,
		))
			console.log(line);
		return;
	}
	console.error(`${stderr ?? ''}\n${command} failed`);
	process.exit(1);
}
