// The cache folder: every part that is downloaded or built lives in one folder of it, made under a temporary name and
// renamed when whole, so a folder that carries its stamp is complete.
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
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
	return withLock(`${folder}.lock`, what, async () => {
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

async function withLock(file, what, work) {
	let told = false;
	const mine = JSON.stringify({ pid: process.pid, born: await birthOf(process.pid) });
	for (;;) {
		try {
			await writeFile(file, mine, { flag: 'wx' });
			break;
		} catch (error) {
			if (error.code !== 'EEXIST') throw error;
		}
		const holder = await holderOf(file);
		if (holder.gone) {
			await breakLock(file, holder.text);
			continue;
		}
		if (!told) report(`${what}: waiting for process ${holder.pid}, which is installing it`);
		told = true;
		await pause(500);
	}
	try {
		return await work();
	} finally {
		await unlink(file);
	}
}

/** Moves a dead process's lock away; if another process re-took it meanwhile, its lock is put back. */
async function breakLock(file, text) {
	const aside = `${file}.${process.pid}`;
	try {
		await rename(file, aside);
	} catch {
		return;
	}
	if ((await readFile(aside, 'utf8')) === text) await unlink(aside);
	else await rename(aside, file);
}

async function holderOf(file) {
	let text = '';
	try {
		text = await readFile(file, 'utf8');
		const { pid, born } = JSON.parse(text);
		return { pid, text, gone: (await birthOf(pid)) !== born };
	} catch {
		// Just released, or just created and still empty: gone only if it stays unreadable for a while.
		const age = await stat(file).then(
			(s) => Date.now() - s.mtimeMs,
			() => 0,
		);
		return { pid: 0, text, gone: age > 10_000 };
	}
}

/**
 * When a process started (clock ticks since boot on Linux), so that a re-used pid is not taken for the old one; null if
 * it is gone.
 */
async function birthOf(pid) {
	try {
		process.kill(pid, 0);
	} catch (error) {
		if (error.code !== 'EPERM') return null;
	}
	try {
		const line = await readFile(`/proc/${pid}/stat`, 'utf8');
		return line.slice(line.lastIndexOf(')') + 2).split(' ')[19];
	} catch {
		return 'unknown';
	}
}
