// Processes of the bed: each is started in a process group of its own, watched until it is ready, and ended by its pid.
// Whatever way this process ends (return, exception, SIGINT, SIGTERM), what it started ends too.
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { cacheRoot } from './cache.mjs';

const LOG_LINES = 200;
const running = new Set();
const scratchFolders = new Set();
let guarded = false;

/** The executable `name` on PATH, or null. */
export function onPath(name) {
	for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
		const file = path.join(folder, name);
		try {
			accessSync(file, constants.X_OK);
			return file;
		} catch {}
	}
	return null;
}

/** A fresh folder for one run of a server; removed when this process ends. */
export function scratchFolder(name) {
	guard();
	const parent = path.join(cacheRoot, 'run');
	mkdirSync(parent, { recursive: true });
	sweep(parent);
	const folder = mkdtempSync(path.join(parent, `${name}-${process.pid}-`));
	scratchFolders.add(folder);
	return folder;
}

/** Removes what a run that was killed outright has left behind. */
function sweep(parent) {
	for (const folder of readdirSync(parent)) {
		const owner = Number(/-(\d+)-\w+$/.exec(folder)?.[1]);
		if (owner && !isAlive(owner)) rmSync(path.join(parent, folder), { recursive: true, force: true, maxRetries: 3 });
	}
}

/** Asks `probe` again and again until it answers something true, and returns that; throws at the deadline. */
export async function until(what, probe, { deadlineMs = 30_000, everyMs = 50 } = {}) {
	const deadline = Date.now() + deadlineMs;
	let last = '';
	for (;;) {
		try {
			const answer = await probe();
			if (answer) return answer;
		} catch (error) {
			if (error instanceof ProcessEnded) throw error;
			last = `: ${error.message}`;
		}
		if (Date.now() > deadline) throw new Error(`${what}: not within ${deadlineMs / 1000} s${last}`);
		await pause(everyMs);
	}
}

/** True when the URL answers 2xx within a second. */
export async function answers(url) {
	const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
	await response.arrayBuffer();
	return response.ok;
}

/** A server ended before it was ready. */
export class ProcessEnded extends Error {}

/**
 * Starts a server and waits until it is ready: `ready` is a URL that must answer 2xx, or a RegExp that a log line must
 * match. Returns `{ name, pid, log(), ended, stop() }`.
 */
export async function launch({ name, command, args = [], env = process.env, cwd, ready, deadlineMs = 30_000 }) {
	const server = begin({ name, command, args, env, cwd });
	try {
		await until(
			name,
			async () => {
				if (server.exit) throw new ProcessEnded(`${name} ended before it was ready (${server.exit})`);
				return ready instanceof RegExp ? server.lines.some((line) => ready.test(line)) : answers(ready);
			},
			{ deadlineMs },
		);
	} catch (error) {
		await server.stop();
		throw new error.constructor(`${error.message}\n--- end of its log ---\n${server.log()}`);
	}
	return server;
}

/**
 * Runs a command to its end. Returns `{ code, stdout }`; a non-zero code throws, with the log's end, unless `anyCode`.
 */
export async function run(
	command,
	args,
	{ name = path.basename(command), env = process.env, cwd, anyCode = false, deadlineMs } = {},
) {
	const child = begin({ name, command, args, env, cwd, keepStdout: true });
	let late = false;
	const timer =
		deadlineMs &&
		setTimeout(() => {
			late = true;
			void child.stop();
		}, deadlineMs);
	const { code, signal } = await child.ended;
	clearTimeout(timer);
	if (late) throw new Error(`${name}: not done within ${deadlineMs / 1000} s\n${child.log()}`);
	if (code !== 0 && !anyCode) {
		throw new Error(`${name} ${args.slice(0, 3).join(' ')}: ended with ${signal ?? `code ${code}`}\n${child.log()}`);
	}
	return { code, stdout: child.stdout() };
}

/** Stops everything this process started. */
export const stopAll = () => Promise.all([...running].map((server) => server.stop()));

/** Pids of everything this process started and has not yet seen end. */
export const runningPids = () => [...running].map((server) => server.pid);

/** True while a process of this pid exists. */
export function isAlive(pid) {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return error.code === 'EPERM';
	}
}

function begin({ name, command, args, env, cwd, keepStdout = false }) {
	guard();
	const [file, argv] = dyingWithUs(command, args);
	const child = spawn(file, argv, { env, cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
	const lines = [];
	const kept = [];
	if (keepStdout) child.stdout.on('data', (chunk) => kept.push(chunk));
	collectLines(child.stdout, lines);
	collectLines(child.stderr, lines);
	const server = {
		name,
		pid: child.pid,
		lines,
		exit: null,
		log: () => lines.join('\n'),
		stdout: () => kept.join(''),
	};
	server.ended = new Promise((resolve) => {
		child.once('error', (error) => {
			lines.push(error.message);
			server.exit = error.message;
			running.delete(server);
			resolve({ code: -1, signal: null });
		});
		child.once('close', (code, signal) => {
			server.exit ??= signal ?? `code ${code}`;
			running.delete(server);
			resolve({ code, signal });
		});
	});
	server.stop = (graceMs = 10_000) => stop(server, graceMs);
	if (child.pid !== undefined) running.add(server);
	return server;
}

/** On Linux the kernel itself tells the child when we die, even by SIGKILL. */
function dyingWithUs(command, args) {
	const setpriv = process.platform === 'linux' ? onPath('setpriv') : null;
	return setpriv ? [setpriv, ['--pdeathsig', 'TERM', command, ...args]] : [command, args];
}

async function stop(server, graceMs) {
	if (server.exit || server.pid === undefined) return;
	signalGroup(server.pid, 'SIGTERM');
	const patience = new AbortController();
	const ended = await Promise.race([
		server.ended.then(() => true),
		pause(graceMs, false, { signal: patience.signal }).catch(() => false),
	]);
	patience.abort();
	// The group may outlive its leader: a server's own children get no second chance.
	signalGroup(server.pid, 'SIGKILL');
	if (!ended) await server.ended;
}

function signalGroup(pid, signal) {
	try {
		process.kill(-pid, signal);
	} catch (error) {
		if (error.code !== 'ESRCH') throw error;
	}
}

function collectLines(stream, lines) {
	let rest = '';
	stream.setEncoding('utf8');
	stream.on('data', (chunk) => {
		const parts = (rest + chunk).split('\n');
		rest = parts.pop().slice(-10_000);
		lines.push(...parts);
		if (lines.length > LOG_LINES) lines.splice(0, lines.length - LOG_LINES);
	});
	stream.on('end', () => rest && lines.push(rest));
}

function guard() {
	if (guarded) return;
	guarded = true;
	// An uncaught exception ends in 'exit' too; there only synchronous work is possible.
	process.on('exit', () => {
		for (const server of running) signalGroup(server.pid, 'SIGKILL');
		for (const folder of scratchFolders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
	});
	for (const [signal, code] of [
		['SIGINT', 130],
		['SIGTERM', 143],
		['SIGHUP', 129],
	]) {
		process.once(signal, () => {
			void stopAll().finally(() => process.exit(code));
		});
	}
}
