// The image of deploy/compose/Dockerfile, built by a Docker Engine that has no registry: in place of the images it is
// built from stand two that hold this machine's own programs, and in place of the compiler one that hands out what has
// been compiled.
import { chmodSync, copyFileSync, cpSync, existsSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { onPath, run, scratchFolder } from '../bed/process.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

/** Libraries that a program is linked with, by path. */
export async function librariesOf(program) {
	const { stdout } = await run('ldd', [program]);
	return stdout.match(/\/\S+\.so\S*/g) ?? [];
}

/** Copies these programs, with what they need to run, and these files to a root of their own. */
async function rootWith(names, others = []) {
	const root = scratchFolder('image');
	for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
		if (!existsSync(`/${name}`) || !lstatSync(`/${name}`).isSymbolicLink()) continue;
		mkdirSync(path.join(root, 'usr', name), { recursive: true });
		symlinkSync(`usr/${name}`, path.join(root, name));
	}
	const programs = names.map(onPath);
	const libraries = await Promise.all(programs.map(librariesOf));
	for (const file of [...programs, ...libraries.flat(), ...others]) {
		mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
		copyFileSync(file, path.join(root, file));
	}
	for (const name of ['passwd', 'group', 'login.defs', 'nsswitch.conf']) {
		mkdirSync(path.join(root, 'etc'), { recursive: true });
		cpSync(`/etc/${name}`, path.join(root, 'etc', name));
	}
	mkdirSync(path.join(root, 'tmp'), { mode: 0o1777 });
	return root;
}

/** Takes the place of `cargo`: asked for the program from all of its sources, hands it out. */
const compiler = (members) => `#!/bin/sh -e
[ "$*" = "build --locked --release -p smart-ai" ] || { echo "cargo $*: not what was compiled"; exit 1; }
for part in Cargo.toml Cargo.lock ${members.map((member) => `${member}/Cargo.toml`).join(' ')}; do
	[ -f "$part" ] || { echo "$part is missing"; exit 1; }
done
mkdir -p target/release
cp /compiled target/release/smart-ai
`;

/** Builds it around this program; its name. */
export async function buildImage(docker, program, members) {
	const bare = await rootWith(['sh', 'mkdir', 'chown', 'useradd'], await librariesOf(program));
	const building = await rootWith(['sh', 'mkdir', 'cp'], [AUTHORITIES]);
	copyFileSync(program, path.join(building, 'compiled'));
	const cargo = path.join(building, 'bin/cargo');
	writeFileSync(cargo, compiler(members));
	chmodSync(cargo, 0o755);
	for (const [name, root] of [
		['debian:bookworm-slim', bare],
		['rust:1-bookworm', building],
	]) {
		const packed = path.join(scratchFolder('image'), 'root.tar');
		await run('tar', ['-C', root, '-cf', packed, '.']);
		await docker(['import', packed, name]);
	}
	const image = 'smart-ai:test';
	await docker(['build', '--network', 'host', '-f', path.join(ROOT, 'deploy/compose/Dockerfile'), '-t', image, ROOT], {
		deadlineMs: 120_000,
	});
	return image;
}
