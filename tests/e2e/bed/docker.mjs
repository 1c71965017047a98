// A Docker Engine of our own, or Podman's service where CONTAINER_ENGINE is podman, which speaks the same API. Its
// containers share this machine's network, as no bridge is made; its images are made here, as no registry is asked.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { MissingPart } from './missing.mjs';
import { launch, onPath, run, scratchFolder } from './process.mjs';

/** Debian's own client builds without a plugin, which newer ones want. */
const DEBIANS = '/usr/bin/docker';

const WITH_PODMAN = process.env.CONTAINER_ENGINE === 'podman';

/** Where the engine and its client are. */
export async function install() {
	const found = await find();
	if (!found) {
		const [engine, package_] = WITH_PODMAN ? ['podman', 'podman docker.io'] : ['dockerd', 'docker.io'];
		throw new MissingPart('Docker Engine', `${engine} is not on PATH; on Debian: apt-get install ${package_}`);
	}
	if (process.getuid?.() !== 0) throw new MissingPart('root', 'Docker Engine starts for nobody else');
	return found;
}

/** The same, or null. */
export async function find() {
	const command = onPath(WITH_PODMAN ? 'podman' : 'dockerd');
	const client = existsSync(DEBIANS) ? DEBIANS : onPath('docker');
	return command && client ? { command, client } : null;
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
	const engine = await (WITH_PODMAN ? startPodman : startDockerd)(command, at);
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

const startDockerd = (command, at) =>
	launch({
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
			`unix://${at('sock')}`,
			'--bridge=none',
			'--iptables=false',
			'--ip6tables=false',
		],
		ready: /API listen on/,
	});

function startPodman(command, at) {
	const settings = at('containers.conf');
	// Its own limits may be above those of who runs the tests.
	writeFileSync(settings, '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n');
	const storage = ['--root', at('data'), '--runroot', at('run'), '--storage-driver', 'vfs'];
	const service = ['--cgroup-manager=cgroupfs', '--log-level=info', 'system', 'service', '--time=0'];
	return launch({
		name: 'podman',
		command,
		args: [...storage, ...service, `unix://${at('sock')}`],
		env: { ...process.env, CONTAINERS_CONF: settings },
		ready: /API service listening on/,
	});
}
