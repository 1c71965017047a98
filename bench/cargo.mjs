// Runs cargo with the project's target folder, the cache's unless the environment names one.
import { spawnSync } from 'node:child_process';
import { root, target } from '../paths.mjs';

/** The command's stdout; its stderr goes through. The lock file stays as it is. */
export function cargo(command, ...options) {
	const args = [command, '--locked', ...options];
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
