// Compiles the package and puts the WebAssembly engine into it.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(here, 'dist');
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

rmSync(dist, { recursive: true, force: true });
execFileSync(process.execPath, [tsc, '--project', join(here, 'tsconfig.json')], { stdio: 'inherit' });
for (const node of readdirSync(join(here, 'nodes'))) copyCodex(join('nodes', node));
cpSync(join(here, 'icons'), join(dist, 'icons'), { recursive: true });
copyWasm();

function copyCodex(folder) {
	for (const name of readdirSync(join(here, folder))) {
		if (name.endsWith('.node.json')) cpSync(join(here, folder, name), join(dist, folder, name));
	}
}

function copyWasm() {
	const bundle = join(here, '../wasm/dist/inline.cjs');
	if (!existsSync(bundle)) {
		throw new Error('the WebAssembly engine is not built: run "npm run build" in wasm/ first');
	}
	// A bundle that does not load would hide the node from n8n: better to stop here.
	createRequire(import.meta.url)(bundle);
	mkdirSync(join(dist, 'engine/wasm'), { recursive: true });
	cpSync(bundle, join(dist, 'engine/wasm/dispatcher.js'));
}
