// A Docker Engine of our own. Its containers share this machine's network, as no bridge is made; its images are made
// here, as no registry is asked.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { MissingPart } from './missing.mjs';
import { launch, onPath, run, scratchFolder } from './process.mjs';

/** Debian's own client builds without a plugin, which newer ones want. */
const DEBIANS = '/usr/bin/docker';

/** Where the engine and its client are. */
export async function install() {
	const found = await find();
	if (!found) throw new MissingPart('Docker Engine', 'dockerd is not on PATH; on Debian: apt-get install docker.io');
	if (process.getuid?.() !== 0) throw new MissingPart('root', 'Docker Engine starts for nobody else');
	return found;
}

/** The same, or null. */
export async function find() {
	const [dockerd, client] = [onPath('dockerd'), existsSync(DEBIANS) ? DEBIANS : onPath('docker')];
	return dockerd && client ? { command: dockerd, client } : null;
}

/**
 * A fresh engine without images: `docker` runs its client, `logs` tells what a container has said, `socket` is where
 * its API listens; `stop` ends it with all it holds.
 */
export async function start() {
	const { command, client } = await install();
	const folder = scratchFolder('docker');
	const at = (name) => path.join(folder, name);
	const address = `unix://${at('sock')}`;
	const engine = await launch({
		name: 'dockerd',
		command,
		args: [
			'--data-root',
			at('data'),
			'--exec-root',
			at('exec'),
			'--pidfile',
			at('pid'),
			'-H',
			address,
			'--bridge=none',
			'--iptables=false',
			'--ip6tables=false',
		],
		ready: /API listen on/,
	});
	const env = { ...process.env, DOCKER_HOST: address, DOCKER_BUILDKIT: '1' };
	const docker = (args, options = {}) => run(client, args, { env, ...options });
	const logs = async (container) =>
		(await run('sh', ['-c', '"$0" logs "$1" 2>&1', client, container], { env, anyCode: true })).stdout;
	const stop = async () => {
		const { stdout } = await docker(['ps', '--all', '--quiet'], { anyCode: true });
		const containers = stdout.split('\n').filter(Boolean);
		if (containers.length > 0) await docker(['rm', '--force', '--volumes', ...containers], { anyCode: true });
		await engine.stop();
		// What it leaves mounted keeps its folder from being removed.
		const mounts = readFileSync('/proc/self/mounts', 'utf8')
			.split('\n')
			.map((line) => line.split(' ')[1] ?? '');
		const left = mounts.filter((mount) => mount.startsWith(`${folder}/`)).reverse();
		for (const mount of left) await run('umount', ['--lazy', mount], { anyCode: true });
	};
	return { docker, logs, socket: at('sock'), stop };
}
