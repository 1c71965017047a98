// A simulated Ollama server (`fake-ollama`) and the faults it is told to have.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
let program;

/** The program, built once a process. */
function build() {
	const cargo = (...args) =>
		execFileSync('cargo', args, { cwd: repository, maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'inherit'] });
	cargo('build', '--locked', '--quiet', '--package', 'smart-ai-sim');
	const { target_directory } = JSON.parse(cargo('metadata', '--locked', '--format-version', '1', '--no-deps'));
	return path.join(target_directory, 'debug', 'fake-ollama');
}

/** Starts one; `config` is a `fake-ollama` configuration. */
export async function startHost(config) {
	program ??= build();
	const folder = await mkdtemp(path.join(tmpdir(), 'fake-ollama-'));
	const file = path.join(folder, 'host.json');
	await writeFile(file, JSON.stringify(config));
	const child = spawn(program, ['--config', file], { stdio: ['ignore', 'pipe', 'inherit'] });
	const end = () => child.kill();
	process.once('exit', end);
	const [line] = await once(createInterface({ input: child.stdout }), 'line');
	const { url, control_url } = JSON.parse(line);
	const control = async (what, options) => {
		const response = await fetch(`${control_url}/control/${what}`, options);
		if (!response.ok) throw new Error(`${what}: ${await response.text()}`);
		return await response.json();
	};
	const set = (fault) => control('faults', { method: 'POST', body: JSON.stringify(fault) });
	const answers = () =>
		fetch(url).then(
			(response) => response.text(),
			() => null,
		);
	const turn = () => new Promise(setImmediate);
	const load = (model, keep_alive) =>
		fetch(`${url}/api/generate`, {
			method: 'POST',
			body: JSON.stringify({ model, ...(keep_alive === undefined ? {} : { keep_alive }) }),
		}).then((it) => it.text());
	return {
		url,
		/** Sets one fault, or several. */
		set,
		/** The same; where the host goes down, it is down on return. */
		async fault(fault) {
			await set(fault);
			while (fault.kind === 'down' && (await answers())) await turn();
		},
		/** Ends every fault, and waits until the port answers again. */
		async heal() {
			await control('faults', { method: 'DELETE' });
			while (!(await answers())) await turn();
		},
		stats: () => control('stats'),
		load: (model) => load(model),
		unload: (model) => load(model, 0),
		async stop(signal) {
			process.off('exit', end);
			const ended = once(child, 'exit');
			child.kill(signal);
			await ended;
			await rm(folder, { recursive: true });
		},
	};
}
