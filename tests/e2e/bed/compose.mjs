// Docker's compose, as plugin or program: only to read a stack's file, so no engine is needed.
import { MissingPart } from './missing.mjs';
import { onPath, run } from './process.mjs';

/** How to call it, as `{ command, args }`; throws `MissingPart` where there is none. */
export async function install() {
	const found = await find();
	if (!found) throw new MissingPart('docker compose', 'not on PATH; on Debian: apt-get install docker-compose');
	return found;
}

/** The same, or null. */
export async function find() {
	for (const [name, ...args] of [['docker', 'compose'], ['docker-compose']]) {
		const command = onPath(name);
		if (!command) continue;
		const { code } = await run(command, [...args, 'version'], { anyCode: true });
		if (code === 0) return { command, args };
	}
	return null;
}
