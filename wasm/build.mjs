// Builds the package: wasm-pack for Node and for bundlers, wasm-opt, the facade as ESM and CommonJS, types.
// Tools of an exact version are installed into the cache folder once.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { shortened } from './constants.mjs';

const WASM_BINDGEN = '0.2.130';
const WASM_PACK = '0.15.1';
// The goal.
const WASM_MAX_BYTES = 1024 * 1024;
// Rust keeps the first bytes of the memory free, and a new memory is zero.
const OPTIMIZE = [
	'--low-memory-unused',
	'--zero-filled-memory',
	'--generate-global-effects',
	'--flatten',
	'--rereloop',
	'-Oz',
	'-Oz',
	'--converge',
	'--merge-similar-functions',
	'--reorder-functions',
	'--always-inline-max-function-size=4',
];
// A module's text does not say what it needs.
const FEATURES = [
	'bulk-memory',
	'multivalue',
	'mutable-globals',
	'nontrapping-float-to-int',
	'reference-types',
	'sign-ext',
];

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'smart-ai');
const tools = join(cache, 'tools');
const require = createRequire(import.meta.url);
const env = {
	...process.env,
	PATH: [join(tools, 'bin'), process.env.PATH].join(delimiter),
	// A folder of its own: what is compiled for it goes with no other build.
	CARGO_TARGET_DIR: join(process.env.CARGO_TARGET_DIR ?? join(cache, 'target'), 'wasm'),
};
// The standard library is built along, small and with panics that only stop: 30 KB less than the one that rustup
// brings.
const STANDARD_LIBRARY = ['-Zbuild-std=std,panic_abort', '-Zbuild-std-features=optimize_for_size'];
// Small code calls every little function; taking in those a little larger costs little size and saves an eighth of a
// step's time.
const INLINING = ['-inline-threshold=12'];
// What two branches share is written once, and nothing twice to save a step of a loop: 2 KB less, in the same time.
const SHARING = [
	'-sink-common-insts',
	'-hoist-common-insts',
	'-disable-lsr',
	'-enable-pre=0',
	'-disable-licm-promotion',
];
const LLVM = `-Cllvm-args=${[...INLINING, ...SHARING].join(' ')}`;
// Half of Rust's megabyte, with the data above it: an address takes three bytes of code, not four. JSON is read 128
// levels deep at most, and nothing else goes deep.
const STACK = '-Clink-arg=-zstack-size=524288';
const PANICS = ['-Zunstable-options', '-Cpanic=immediate-abort', '-Zlocation-detail=none', '-Zfmt-debug=none'];

/**
 * Names for the folders of this machine, so that no panic's place carries them: shorter, and the same from everywhere.
 */
function flags() {
	const sysroot = output('rustc', ['--print', 'sysroot']).trim();
	const cargo = process.env.CARGO_HOME ?? join(homedir(), '.cargo');
	const folders = { [root]: '.', [cargo]: 'cargo', [sysroot]: 'rust' };
	return [
		LLVM,
		STACK,
		...PANICS,
		...Object.entries(folders).map(([folder, name]) => `--remap-path-prefix=${folder}=${name}`),
	];
}

function run(command, args, options = {}) {
	return execFileSync(command, args, { cwd: here, env, stdio: ['ignore', 'inherit', 'inherit'], ...options });
}

function output(command, args) {
	try {
		return execFileSync(command, args, { env, stdio: ['ignore', 'pipe', 'ignore'] }).toString();
	} catch {
		return '';
	}
}

function installTools() {
	// Without --locked: its lock file names a crate version that was withdrawn.
	if (!output('wasm-bindgen', ['--version']).includes(WASM_BINDGEN)) {
		run('cargo', ['install', '--root', tools, 'wasm-bindgen-cli', '--version', WASM_BINDGEN]);
	}
	if (!output('wasm-pack', ['--version']).includes(WASM_PACK)) {
		run('cargo', ['install', '--root', tools, 'wasm-pack', '--version', WASM_PACK, '--locked']);
	}
	if (!output('rustup', ['target', 'list', '--installed']).includes('wasm32-unknown-unknown')) {
		run('rustup', ['target', 'add', 'wasm32-unknown-unknown']);
	}
	if (!existsSync(join(output('rustc', ['--print', 'sysroot']).trim(), 'lib/rustlib/src/rust/library/Cargo.lock'))) {
		try {
			run('rustup', ['component', 'add', 'rust-src']);
		} catch {
			throw new Error('the standard library\'s source is missing: install it with "rustup component add rust-src"');
		}
	}
}

/** What was optimized, which takes a while: both targets have one core. */
const optimized = [];

function pack(target) {
	const out = join('pkg', target);
	rmSync(join(here, out), { recursive: true, force: true });
	const args = ['build', '.', '--target', target, '--profile', 'wasm-release', '--out-dir', out, '--out-name', 'core'];
	// Stable Rust takes the flags above only so. They are asked of this one call, and of no code of ours.
	const encoded = { ...env, CARGO_ENCODED_RUSTFLAGS: flags().join('\x1f'), RUSTC_BOOTSTRAP: '1' };
	run(
		'wasm-pack',
		[...args, '--mode', 'no-install', '--no-typescript', '--no-pack', '--no-opt', '--', ...STANDARD_LIBRARY],
		{ env: encoded },
	);
	const file = join(here, out, 'core_bg.wasm');
	const built = readFileSync(file);
	const same = optimized.find((other) => other.built.equals(built));
	if (same) {
		writeFileSync(file, same.bytes);
		return same.bytes;
	}
	optimize(file);
	const bytes = readFileSync(file);
	optimized.push({ built, bytes });
	return bytes;
}

function optimize(file) {
	// npm's wasm-opt: older ones that systems ship miscompile reference types.
	const optimizer = join(dirname(require.resolve('binaryen/package.json')), 'bin', 'wasm-opt');
	const text = `${file}.wat`;
	run(process.execPath, [
		optimizer,
		...OPTIMIZE,
		'--strip-debug',
		'--strip-producers',
		file,
		'--emit-text',
		'-o',
		text,
	]);
	// As bytes: a data segment is not always text.
	writeFileSync(text, shortened(readFileSync(text, 'latin1')), 'latin1');
	run(process.execPath, [
		optimizer,
		...FEATURES.map((feature) => `--enable-${feature}`),
		'--optimize-level=2',
		'--shrink-level=2',
		'--quiet',
		text,
		'-o',
		file,
	]);
	rmSync(text);
}

async function bundle(entry, format) {
	const aliases = {
		'#wasm-glue': join(here, 'pkg/bundler/core_bg.js'),
		'#wasm-bytes': join(here, 'pkg/bundler/core_bg.wasm'),
	};
	await build({
		entryPoints: [join(here, 'js', `${entry}.ts`)],
		outfile: join(here, 'dist', `${entry}.${format === 'esm' ? 'mjs' : 'cjs'}`),
		bundle: true,
		format,
		platform: 'node',
		target: 'node20',
		loader: { '.wasm': 'binary' },
		alias: aliases,
		plugins: [
			{
				name: 'core',
				setup: (it) => it.onResolve({ filter: /^#wasm-nodejs$/ }, () => ({ path: './core.cjs', external: true })),
			},
		],
		logLevel: 'warning',
	});
}

function types() {
	const generated = join(here, 'js', 'generated');
	mkdirSync(generated, { recursive: true });
	cpSync(join(root, 'core', 'types', 'core.d.ts'), join(generated, 'core.d.ts'));
}

installTools();
const cores = [pack('nodejs'), pack('bundler')];
types();
const dist = join(here, 'dist');
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
// The glue for Node is CommonJS; the package says `module`, so the file says what it is.
writeFileSync(join(dist, 'core.cjs'), readFileSync(join(here, 'pkg/nodejs/core.js')));
cpSync(join(here, 'pkg/nodejs/core_bg.wasm'), join(dist, 'core_bg.wasm'));
for (const entry of ['index', 'inline']) for (const format of ['esm', 'cjs']) await bundle(entry, format);
run(process.execPath, [require.resolve('typescript/bin/tsc')]);
cpSync(join(here, 'js', 'generated'), join(dist, 'types', 'generated'), { recursive: true });
if (!existsSync(join(dist, 'types', 'index.d.ts'))) throw new Error('no types were written');
for (const core of cores) {
	const bytes = core.length;
	console.log(`core_bg.wasm has ${bytes} bytes, ${gzipSync(core, { level: 9 }).length} compressed`);
	if (bytes > WASM_MAX_BYTES) throw new Error(`at most ${WASM_MAX_BYTES} bytes are allowed`);
}
