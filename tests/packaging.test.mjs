// Installs each package's tarball into clean projects, CommonJS and ESM, and uses it there, with its types.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const place = mkdtempSync(join(tmpdir(), 'smart-ai-packaging-'));
after(() => rmSync(place, { recursive: true, force: true }));

const use = `
	const decided = new Dispatcher({ hosts: [{ id: 'pc' }] }).decide(0, { task: 'general', prompt_tokens: 1 });
	let code;
	try { createDispatcher({ hosts: [] }, {}); } catch (error) { code = error.code; }
	console.log(JSON.stringify([decided.chosen, classify('Summarize this text.').task, code]));
`;
const typed = `
	const ai: SmartAi = createDispatcher({ hosts: [{ url: 'http://127.0.0.1:1' }] }, {} as never);
	const answer: Promise<string> = ai.ask({ prompt: 'x' }).then((it) => it.text);
	// @ts-expect-error there is no such key
	ai.ask({ propmt: 'x' });
	export { answer };
`;

for (const [folder, entries] of [
	['wasm', ['ai-model-dispatcher-wasm', 'ai-model-dispatcher-wasm/inline']],
	['node-addon', ['ai-model-dispatcher']],
]) {
	test(`${entries[0]} works where it is installed from its tarball`, () => {
		const project = join(place, folder);
		mkdirSync(project);
		const [{ filename }] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', place], join(root, folder)));
		writeFileSync(join(project, 'package.json'), '{"private":true}');
		run('npm', ['install', '--offline', '--no-audit', '--no-fund', join(place, filename)], project);
		// Only the WebAssembly takes a transport.
		const used = folder === 'wasm' ? use : use.replace(', {}', '');
		for (const entry of entries) {
			writeFileSync(
				join(project, 'use.cjs'),
				`const { Dispatcher, classify, createDispatcher } = require('${entry}');${used}`,
			);
			writeFileSync(
				join(project, 'use.mjs'),
				`import { Dispatcher, classify, createDispatcher } from '${entry}';${used}`,
			);
			for (const file of ['use.cjs', 'use.mjs']) {
				assert.deepEqual(
					JSON.parse(run(process.execPath, [file], project)),
					[null, 'summarize', 'config_invalid'],
					file,
				);
			}
			writeFileSync(
				join(project, 'use.mts'),
				'import { createDispatcher, type SmartAi } from ' +
					`'${entry}';${typed.replace(folder === 'wasm' ? '' : ', {} as never', '')}`,
			);
			const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
			run(
				process.execPath,
				[
					compiler,
					'--noEmit',
					'--strict',
					'--module',
					'nodenext',
					'--target',
					'es2022',
					'--lib',
					'es2022,dom',
					'use.mts',
				],
				project,
			);
		}
	});
}

function run(command, args, cwd) {
	try {
		return execFileSync(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] }).toString();
	} catch (error) {
		throw new Error(`${command} ${args.join(' ')}: ${error.stdout}${error.stderr}`);
	}
}
