// The cache folder: every part that is downloaded or built lives in one folder of it, made under a temporary name and
// renamed when whole, so a folder that carries its stamp is complete.
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { lock } from 'proper-lockfile';
import { cache as cacheRoot } from '../../../paths.mjs';

export { cacheRoot };

const STAMP = '.complete.json';

/** The folder a part has, or will have, in the cache. */
export const partFolder = (key) => path.join(cacheRoot, key);

/** True when the part was made to the end. */
export const isComplete = (key) => existsSync(path.join(partFolder(key), STAMP));

/** What the stamp of a complete part says: `{ key, seconds, bytes, at }`, or null. */
export async function stampOf(key) {
	try {
		return JSON.parse(await readFile(path.join(partFolder(key), STAMP), 'utf8'));
	} catch {
		return null;
	}
}

/** A line of progress on stderr: what, and how long or how big. */
export const report = (line) => process.stderr.write(`test bed: ${line}\n`);

/**
 * Makes the part `key` once: `make(folder)` fills a temporary folder, which then takes the part's name.
 * Returns the part's folder. Two processes never make the same part: the second waits for the first.
 */
export async function ensurePart(key, what, make) {
	const folder = partFolder(key);
	if (isComplete(key)) return folder;
	await mkdir(cacheRoot, { recursive: true });
	return withLock(folder, what, async () => {
		if (isComplete(key)) return folder;
		const started = Date.now();
		report(`${what}: installing into ${folder}`);
		await removeUnfinished(key);
		const unfinished = `${folder}.unfinished-${process.pid}`;
		await mkdir(unfinished, { recursive: true });
		try {
			await make(unfinished);
			const seconds = Math.round((Date.now() - started) / 1000);
			const bytes = await sizeOf(unfinished);
			const stamp = { key, what, seconds, bytes, at: new Date().toISOString() };
			await writeFile(path.join(unfinished, STAMP), `${JSON.stringify(stamp)}\n`);
			await rm(folder, { recursive: true, force: true });
			await rename(unfinished, folder);
			report(`${what}: installed, ${seconds} s, ${megabytes(bytes)}`);
		} catch (error) {
			await rm(unfinished, { recursive: true, force: true });
			throw error;
		}
		return folder;
	});
}

/** Bytes as text for a person. */
export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

/** Leftovers of a run that was killed while it installed; the lock is held, so nobody works in them. */
async function removeUnfinished(key) {
	for (const name of await readdir(cacheRoot)) {
		if (name.startsWith(`${key}.unfinished-`)) {
			await rm(path.join(cacheRoot, name), { recursive: true, force: true });
		}
	}
}

async function sizeOf(folder) {
	let bytes = 0;
	for (const entry of await readdir(folder, { withFileTypes: true })) {
		const at = path.join(folder, entry.name);
		if (entry.isDirectory()) bytes += await sizeOf(at);
		else if (entry.isFile()) bytes += (await stat(at)).size;
	}
	return bytes;
}

/** One process at a time; the lock of one that was killed is free a minute later. */
async function withLock(folder, what, work) {
	const options = { realpath: false, stale: 60_000, onCompromised: (error) => report(`${what}: ${error.message}`) };
	const release = await lock(folder, options).catch((error) => {
		if (error.code !== 'ELOCKED') throw error;
		report(`${what}: waiting for another process, which is installing it`);
		return lock(folder, { ...options, retries: { forever: true, factor: 1, minTimeout: 500 } });
	});
	try {
		return await work();
	} finally {
		await release();
	}
}
