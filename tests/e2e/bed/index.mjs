// The test bed: real parts, found or installed into the cache folder, started on free loopback ports, and always ended.
// From a shell: `node tests/e2e/bed/index.mjs install [part…] | status [--json] | up`.
import { pathToFileURL } from 'node:url';
import { everyPartRequired, MissingPart } from './missing.mjs';
import { parts } from './parts.mjs';

export { everyPartRequired, MissingPart, parts };
export { isAlive, launch, run, runningPids, scratchFolder, stopAll, until } from './process.mjs';
export { freePort } from './ports.mjs';

/** Installs a part where it is missing and returns its module; throws `MissingPart` where it cannot be had. */
export async function need(name) {
	const part = parts[name];
	if (!part) throw new TypeError(`no part is called ${name}; parts are ${Object.keys(parts).join(', ')}`);
	await part.install();
	return part;
}

/**
 * The same for a test: where a part cannot be had, the test `t` is skipped and null is returned,
 * unless REQUIRE_REAL=1, under which it fails.
 */
export async function needOrSkip(t, ...names) {
	try {
		const found = {};
		for (const name of names) found[name] = await need(name);
		return found;
	} catch (error) {
		skip(t, error);
		return null;
	}
}

/** Skips the test for want of a part, unless REQUIRE_REAL=1, under which it fails; any other error is thrown on. */
export function skip(t, error) {
	if (!(error instanceof MissingPart) || everyPartRequired) throw error;
	t.skip(error.message);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
	const { command } = await import('./command.mjs');
	process.exitCode = await command(process.argv.slice(2));
}
