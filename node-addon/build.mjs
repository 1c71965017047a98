// Builds the package: the addon for this platform, the facade as ESM and CommonJS, the command, types.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { target } from '../paths.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const dist = join(here, 'dist');
const require = createRequire(import.meta.url);
const libraries = { linux: 'libsmart_ai_node.so', darwin: 'libsmart_ai_node.dylib', win32: 'smart_ai_node.dll' };

function run(command, args) {
	execFileSync(command, args, { cwd: here, env: { ...process.env, CARGO_TARGET_DIR: target }, stdio: 'inherit' });
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

run('cargo', ['build', '--locked', '--release', '-p', 'smart-ai-node']);
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
cpSync(
	join(target, 'release', libraries[process.platform]),
	join(dist, `smart-ai.${process.platform}-${process.arch}.node`),
);
contract();
await bundle('index', 'esm');
await bundle('index', 'cjs');
await bundle('cli', 'esm', { banner: { js: '#!/usr/bin/env node' } });
chmodSync(join(dist, 'cli.mjs'), 0o755);
run(process.execPath, [require.resolve('typescript/bin/tsc')]);
cpSync(join(here, 'js', 'contract', 'generated'), join(dist, 'types', 'contract', 'generated'), { recursive: true });
