// The engines are one: the same configuration, seed and events lead to one decision on either build; and in n8n the
// sidecar, the native engine beside the package and WebAssembly decide alike.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ollama } from '../../world/ollama.mjs';
import { needOrSkip, stopAll } from '../bed/index.mjs';
import { build, startSidecar } from '../serve/sidecar.mjs';
import { installTarball } from './tarball.mjs';
import { ADDON, fleetOf, outcome, PACKAGE, startServer, workflow } from './workbench.mjs';

const require = createRequire(import.meta.url);
const histories = fileURLToPath(new URL('../../vectors/dispatch', import.meta.url));

after(stopAll);

/** The decision after each event: what would be chosen now for this request. */
function decisions(Dispatcher, { config, seed, steps }, request) {
	const dispatcher = new Dispatcher(config, seed);
	return steps.map(({ now, event }) => {
		dispatcher.step(now, event);
		return dispatcher.decide(now, request);
	});
}

test('both builds decide alike after every event of every history', () => {
	const wasm = require(path.join(PACKAGE, 'dist/engine/wasm/dispatcher.js'));
	const native = require(ADDON);
	const files = readdirSync(histories).filter((name) => name.endsWith('.json'));
	let chosen = 0;
	for (const file of files) {
		const history = JSON.parse(readFileSync(path.join(histories, file), 'utf8'));
		for (const mode of ['fast', 'best']) {
			const request = { task: 'summarize', mode, prompt_tokens: 700 };
			const ours = decisions(wasm.Dispatcher, history, request);
			assert.deepEqual(ours, decisions(native.Dispatcher, history, request), `${file}, ${mode}`);
			chosen += ours.filter((decision) => decision.chosen !== null).length;
		}
	}
	assert.ok(files.length > 20 && chosen > 100, `${files.length} histories, ${chosen} choices`);
});

test('installed as n8n does it, with the native package beside, all three engines decide alike', async (t) => {
	const bed = await needOrSkip(t, 'n8n');
	if (!bed) return;
	const models = ['phi3:mini', 'llama3.2:3b', 'qwen2.5:7b'];
	const hosts = { pc: await ollama({ models }), nas: await ollama({ models: models.slice(0, 2) }) };
	t.after(() => Promise.all(Object.values(hosts).map((host) => host.close())));
	const urls = Object.fromEntries(Object.entries(hosts).map(([name, { url }]) => [name, url]));
	const sidecar = await startSidecar(build(), urls);
	const fleet = fleetOf('Fleet', urls, { sidecars: sidecar.proxy });
	const bare = fleetOf('Bare', urls);
	const engines = ['sidecar', 'native', 'wasm'];
	const explain = (engine) =>
		workflow({
			id: `explain-${engine}`,
			version: 2,
			parameters: { resource: 'decision', operation: 'explain', prompt: 'Compare these two offers.', mode: 'best' },
			options: { engine },
			fleet,
		});
	const auto = (id, credential) => workflow({ id, options: { engine: 'auto' }, fleet: credential });
	const { folder, names, size } = installTarball();
	assert.deepEqual(
		names.filter((name) => name.endsWith('.node')),
		[],
	);
	assert.ok(size < 1_000_000, `the tarball has ${size} bytes`);
	const { session } = await startServer(bed.n8n, {
		credentials: [fleet, bare],
		workflows: [...engines.map(explain), auto('auto-sidecar', fleet), auto('auto-native', bare)],
		packages: [folder, ADDON],
	});

	const decided = [];
	for (const engine of engines) {
		const { item, error } = await outcome(session, `explain-${engine}`);
		assert.ok(item?.chosen, JSON.stringify(error ?? item));
		decided.push(item);
	}
	const told = ({ chosen, predicted_ms, candidates, dropped }) => ({ chosen, predicted_ms, candidates, dropped });
	assert.deepEqual(told(decided[1]), told(decided[0]));
	assert.deepEqual(told(decided[2]), told(decided[0]));
	assert.equal(decided[0].candidates.length, 5);

	const engineOf = async (id) => (await outcome(session, id)).item.engine;
	assert.deepEqual([await engineOf('auto-sidecar'), await engineOf('auto-native')], ['sidecar', 'native']);
});
