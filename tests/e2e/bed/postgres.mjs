// PostgreSQL, as the system has it. It refuses to run as root: there, as nobody.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { chown } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MissingPart } from './missing.mjs';
import { freePort } from './ports.mjs';
import { launch, onPath, run } from './process.mjs';

const DEBIAN = '/usr/lib/postgresql';
const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;

/** Where `initdb` and `postgres` are. */
export async function install() {
	const found = await find();
	if (!found)
		throw new MissingPart('PostgreSQL', 'initdb and postgres are not on PATH; Debian: apt-get install postgresql');
	if (isRoot && !onPath('setpriv')) throw new MissingPart('setpriv', 'PostgreSQL refuses to run as root');
	return found;
}

/** The same, or null. */
export async function find() {
	const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((one, other) => Number(other) - Number(one)) : [];
	const folders = versions
		.map((version) => path.join(DEBIAN, version, 'bin'))
		.filter((folder) => existsSync(path.join(folder, 'postgres')));
	if (folders.length > 0)
		return { initdb: path.join(folders[0], 'initdb'), postgres: path.join(folders[0], 'postgres') };
	const [initdb, postgres] = [onPath('initdb'), onPath('postgres')];
	return initdb && postgres ? { initdb, postgres } : null;
}

/**
 * A fresh server: its `url`, and the `folder` that holds its files; `stop` and `begin` take it away and bring it back
 * with what it holds; `remove` ends it for good.
 */
export async function start() {
	const { initdb, postgres } = await install();
	// Not in the cache, which nobody but its owner may enter.
	const folder = mkdtempSync(path.join(tmpdir(), 'smart-ai-postgres-'));
	if (isRoot) await chown(folder, NOBODY, NOBODY);
	const data = path.join(folder, 'data');
	const as = (command, args) =>
		isRoot
			? ['setpriv', ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups', command, ...args]]
			: [command, args];
	const [make, making] = as(initdb, ['-D', data, '-U', 'smart', '--auth=trust', '-N']);
	await run(make, making, { cwd: folder });
	const port = await freePort();
	let server = null;
	const begin = async () => {
		const [command, args] = as(postgres, [
			'-D',
			data,
			'-p',
			String(port),
			'-c',
			'listen_addresses=127.0.0.1',
			'-c',
			'unix_socket_directories=',
			'-c',
			'fsync=off',
		]);
		server = await launch({
			name: `postgres :${port}`,
			command,
			args,
			cwd: folder,
			ready: /ready to accept connections/,
		});
	};
	// Its smart shutdown waits for clients; what it holds survives the crash this is.
	const stop = () => server.stop(500);
	await begin();
	const remove = async () => {
		await stop();
		rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
	};
	return { url: `postgres://smart@127.0.0.1:${port}/postgres`, folder, begin, stop, remove };
}
