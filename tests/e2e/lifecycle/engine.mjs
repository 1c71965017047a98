// A container engine as Smart AI meets it in the stack of deploy/compose: behind a proxy that lets through what
// compose.manage.yaml lists, and nothing else. The containers hold one program and the libraries it wants.
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { run, scratchFolder } from '../bed/index.mjs';
import { librariesOf } from '../deploy/image.mjs';

const stack = fileURLToPath(new URL('../../../deploy/compose/compose.manage.yaml', import.meta.url));
const { ollama, engine } = parse(readFileSync(stack, 'utf8')).services;

/** The container that the stack lets Smart AI manage. */
export const NAME = ollama.container_name;

const allowed = (method, url) =>
	engine.command.some((flag) => {
		const prefix = `-allow${method}=`;
		return flag.startsWith(prefix) && new RegExp(`^${flag.slice(prefix.length)}$`).test(url);
	});

/**
 * The proxy before an engine's socket: `url` is what Smart AI is told, `asked` what it asked for, `refused` what was
 * not let through; `hold` keeps stops back until what it gives is called; `close` takes it away.
 */
export async function startProxy(socket) {
	const [asked, refused] = [[], []];
	let held = null;
	const server = createServer(async (incoming, outgoing) => {
		asked.push(`${incoming.method} ${incoming.url.replace(/^\/v1\.\d+/, '')}`);
		if (!allowed(incoming.method, incoming.url)) {
			refused.push(`${incoming.method} ${incoming.url}`);
			outgoing.writeHead(403).end();
			return;
		}
		if (/\/stop(\?|$)/.test(incoming.url)) await held;
		const { method, url, headers } = incoming;
		const passed = request({ socketPath: socket, method, path: url, headers }, (answer) => {
			outgoing.writeHead(answer.statusCode, answer.headers);
			answer.pipe(outgoing);
		});
		incoming.pipe(passed.on('error', () => outgoing.destroy()));
	});
	await once(server.listen(0, '127.0.0.1'), 'listening');
	const { port } = server.address();
	const close = () => {
		server.close();
		server.closeAllConnections();
	};
	const hold = () => {
		let release;
		held = new Promise((resolve) => {
			release = resolve;
		});
		return release;
	};
	return { url: `tcp://127.0.0.1:${port}`, asked, refused, hold, close };
}

/** Makes an image of one program of this machine. */
export async function imageOf(docker, image, program, entrypoint) {
	const root = scratchFolder('container');
	for (const file of await librariesOf(program)) {
		mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
		copyFileSync(file, path.join(root, file));
	}
	for (const folder of ['bin', 'tmp']) mkdirSync(path.join(root, folder), { recursive: true });
	copyFileSync(program, path.join(root, 'bin/program'));
	const packed = path.join(scratchFolder('container'), 'root.tar');
	await run('tar', ['-C', root, '-cf', packed, '.']);
	await docker(['import', '-c', `ENTRYPOINT ${JSON.stringify(['/bin/program', ...entrypoint])}`, packed, image]);
	return image;
}
