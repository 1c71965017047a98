// The fake Ollama with models like those of the real one.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chatModel, vectorModel } from './script.mjs';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../../..', import.meta.url));

const models = [
	{
		name: chatModel,
		size_gb: 0.1,
		prefill_tok_per_s: 2000,
		decode_tok_per_s: 100,
		load_s: 0.4,
		output_tokens: 400,
		family: 'llama',
		context_length: 8192,
	},
	{
		name: vectorModel,
		size_gb: 0.05,
		load_s: 0.1,
		family: 'bert',
		context_length: 512,
		capabilities: ['embedding'],
		embedding_length: 384,
	},
];

/** Builds and starts it; returns `{ url, stop }`. */
export async function start() {
	await run('cargo', ['build', '--locked', '--quiet', '--package', 'smart-ai-sim'], { cwd: repository });
	const { stdout } = await run('cargo', ['metadata', '--locked', '--format-version', '1', '--no-deps'], {
		cwd: repository,
		maxBuffer: 1 << 26,
	});
	const program = path.join(JSON.parse(stdout).target_directory, 'debug', 'fake-ollama');
	const folder = await mkdtemp(path.join(tmpdir(), 'fake-ollama-'));
	const file = path.join(folder, 'host.json');
	await writeFile(file, JSON.stringify({ models }));
	const child = spawn(program, ['--config', file], { stdio: ['ignore', 'pipe', 'inherit'] });
	const end = () => child.kill();
	process.once('exit', end);
	const [line] = await once(createInterface({ input: child.stdout }), 'line');
	return {
		url: JSON.parse(line).url,
		async stop() {
			process.off('exit', end);
			const ended = once(child, 'exit');
			child.kill();
			await ended;
			await rm(folder, { recursive: true });
		},
	};
}
