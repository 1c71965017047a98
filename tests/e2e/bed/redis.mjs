// Redis, as the system has it.
import { MissingPart } from './missing.mjs';
import { freePort } from './ports.mjs';
import { launch, onPath, scratchFolder } from './process.mjs';

/** Where `redis-server` is. */
export async function install() {
	const found = await find();
	if (!found) throw new MissingPart('Redis', 'redis-server is not on PATH; Debian: apt-get install redis-server');
	return found;
}

/** The same, or null. */
export async function find() {
	const server = onPath('redis-server');
	return server ? { server } : null;
}

/** A fresh server on `port`; `stop` and `begin` take it away and bring it back with what it holds. */
export async function start() {
	const { server } = await install();
	const folder = scratchFolder('redis');
	const port = await freePort();
	let running = null;
	const begin = async () => {
		running = await launch({
			name: `redis :${port}`,
			command: server,
			args: ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes'],
			ready: /Ready to accept connections/,
		});
	};
	await begin();
	return { port, begin, stop: () => running.stop() };
}
