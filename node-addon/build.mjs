// Builds the package: the addon for this platform, the facade as ESM and CommonJS, the command, types.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { target } from '../paths.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const dist = join(here, 'dist');
const require = createRequire(import.meta.url);

function run(command, args) {
	execFileSync(command, args, { cwd: here, stdio: 'inherit' });
}

/** What both packages have in common is written once, in the WASM package's sources. */
function contract() {
	const contract = join(here, 'js', 'contract');
	rmSync(contract, { recursive: true, force: true });
	mkdirSync(join(contract, 'generated'), { recursive: true });
	for (const file of ['core.ts', 'error.ts', 'smart-ai.ts', 'stream.ts', 'taken.ts'])
		cpSync(join(root, 'wasm', 'js', file), join(contract, file));
	cpSync(join(root, 'core', 'types', 'core.d.ts'), join(contract, 'generated', 'core.d.ts'));
}

async function bundle(entry, format, options = {}) {
	await build({
		entryPoints: [join(here, 'js', `${entry}.ts`)],
		outfile: join(dist, `${entry}.${format === 'esm' ? 'mjs' : 'cjs'}`),
		bundle: true,
		format,
		platform: 'node',
		target: 'node20',
		define: format === 'cjs' ? { 'import.meta.url': '__filename' } : {},
		logLevel: 'warning',
		...options,
	});
}

/** The addon, the loader that finds the one of the machine (it knows musl from glibc), and the types of what it has. */
function addon() {
	const cli = join(dirname(require.resolve('@napi-rs/cli')), 'cli.js');
	const place = ['--output-dir', 'dist', '--target-dir', target, '--js', 'native.cjs', '--dts', 'native.d.ts'];
	run(process.execPath, [cli, 'build', '--platform', '--release', ...place, '--', '--locked']);
	renameSync(join(dist, 'native.d.ts'), join(here, 'js', 'contract', 'native.d.ts'));
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
contract();
addon();
await bundle('index', 'esm');
await bundle('index', 'cjs');
await bundle('cli', 'esm', { banner: { js: '#!/usr/bin/env node' } });
chmodSync(join(dist, 'cli.mjs'), 0o755);
run(process.execPath, [require.resolve('typescript/bin/tsc')]);
for (const written of ['generated', 'native.d.ts'])
	cpSync(join(here, 'js', 'contract', written), join(dist, 'types', 'contract', written), { recursive: true });
