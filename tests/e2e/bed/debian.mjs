// Files of Debian and Ubuntu packages, unpacked into a folder: no root, nothing installed.
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { MissingPart } from './missing.mjs';
import { onPath, run } from './process.mjs';

/** Downloads `packages` and unpacks them under `root`. */
export async function unpackPackages(part, packages, root) {
	if (!onPath('apt-get') || !onPath('dpkg')) {
		throw new MissingPart(part, 'not on PATH, and without apt-get its Debian package cannot be fetched');
	}
	const downloads = `${root}.packages`;
	await mkdir(downloads, { recursive: true });
	await mkdir(root, { recursive: true });
	const download = (options) => run('apt-get', [...options, 'download', ...packages], { cwd: downloads });
	try {
		await download([]);
	} catch {
		// No package lists on this machine, or old ones: fetch lists of our own.
		const options = await ownLists(`${root}.lists`);
		try {
			await run('apt-get', [...options, 'update']);
			await download(options);
		} catch (error) {
			throw new MissingPart(part, `apt-get download ${packages.join(' ')} failed: ${error.message.split('\n').at(-1)}`);
		}
	}
	for (const name of await readdir(downloads)) {
		if (name.endsWith('.deb')) await run('dpkg', ['-x', path.join(downloads, name), root]);
	}
	await rm(downloads, { recursive: true, force: true });
	await rm(`${root}.lists`, { recursive: true, force: true });
}

async function ownLists(folder) {
	const lists = path.join(folder, 'lists');
	const cache = path.join(folder, 'cache');
	await mkdir(path.join(lists, 'partial'), { recursive: true });
	await mkdir(path.join(cache, 'archives', 'partial'), { recursive: true });
	return ['-o', `Dir::State::Lists=${lists}`, '-o', `Dir::Cache=${cache}`, '-o', 'APT::Sandbox::User='];
}
