// Runs cargo with the project's target folder, the cache's unless the environment names one.
import { spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'smart-ai');
export const target = process.env.CARGO_TARGET_DIR ?? join(cache, 'target');

/** The command's stdout; its stderr goes through. */
export function cargo(...args) {
	const env = { ...process.env, CARGO_TARGET_DIR: target, CARGO_TERM_COLOR: 'never' };
	const { status, stdout } = spawnSync('cargo', args, {
		cwd: root,
		env,
		encoding: 'utf8',
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	if (status !== 0) throw new Error(`cargo ${args.join(' ')} failed`);
	return stdout;
}
