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

const WASM_BINDGEN = '0.2.130';
const WASM_PACK = '0.15.1';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'smart-ai');
const tools = join(cache, 'tools');
const require = createRequire(import.meta.url);
// Messages of panics name source files: without the folders of the machine that built them.
const folders = [
	root,
	process.env.CARGO_HOME ?? join(homedir(), '.cargo'),
	process.env.RUSTUP_HOME ?? join(homedir(), '.rustup'),
];
const env = {
	...process.env,
	PATH: [join(tools, 'bin'), process.env.PATH].join(delimiter),
	// A folder of its own: what is compiled for it goes with no other build.
	CARGO_TARGET_DIR: join(process.env.CARGO_TARGET_DIR ?? join(cache, 'target'), 'wasm'),
	RUSTFLAGS: folders.map((folder) => `--remap-path-prefix=${folder}=.`).join(' '),
};

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
	// Unoptimized: they run for seconds, and compiling takes minutes.
	// The first without --locked: its lock file names a crate version that was withdrawn.
	if (!output('wasm-bindgen', ['--version']).includes(WASM_BINDGEN)) {
		run('cargo', ['install', '--debug', '--root', tools, 'wasm-bindgen-cli', '--version', WASM_BINDGEN]);
	}
	if (!output('wasm-pack', ['--version']).includes(WASM_PACK)) {
		run('cargo', ['install', '--debug', '--root', tools, 'wasm-pack', '--version', WASM_PACK, '--locked']);
	}
	if (!output('rustup', ['target', 'list', '--installed']).includes('wasm32-unknown-unknown')) {
		run('rustup', ['target', 'add', 'wasm32-unknown-unknown']);
	}
}

/** Plain wasm-pack; its own wasm-opt is left out for that of npm, which needs no download. */
function pack(target) {
	const out = join('pkg', target);
	rmSync(join(here, out), { recursive: true, force: true });
	const args = ['build', '.', '--target', target, '--profile', 'wasm-release', '--out-dir', out, '--out-name', 'core'];
	run('wasm-pack', [...args, '--mode', 'no-install', '--no-typescript', '--no-pack', '--no-opt']);
	// Older ones that systems ship miscompile reference types.
	const optimizer = join(dirname(require.resolve('binaryen/package.json')), 'bin', 'wasm-opt');
	const file = join(here, out, 'core_bg.wasm');
	run(process.execPath, [optimizer, '-Oz', '--strip-debug', '--strip-producers', file, '-o', file]);
	return readFileSync(file);
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
	console.log(`core_bg.wasm has ${core.length} bytes, ${gzipSync(core, { level: 9 }).length} compressed`);
}
