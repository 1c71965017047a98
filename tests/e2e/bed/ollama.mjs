// A real Ollama: the one on PATH, else 0.24.0 built from source with Go (its last release whose native code is inside
// the Go module).
import { copyFile, mkdir, readFile, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { ensurePart, isComplete, partFolder } from './cache.mjs';
import { unpackPackages } from './debian.mjs';
import { MissingPart } from './missing.mjs';
import { freePort } from './ports.mjs';
import { launch, onPath, run, scratchFolder } from './process.mjs';

const VERSION = '0.24.0';
const OLDEST_ON_PATH = [0, 9];
const NEEDED_GO = [1, 26];
const MINIAUDIO = 'miniaudio==1.71';

/** Finds or builds Ollama; returns `{ command, version, source }`. */
export async function install() {
	const found = await fromPath();
	if (found) return found;
	const { key, flags } = await build();
	if (!isComplete(key)) await demandTools();
	const folder = await ensurePart(key, `Ollama ${VERSION}`, (into) => compile(into, flags));
	return { command: path.join(folder, 'bin', 'ollama'), version: VERSION, source: 'built' };
}

/** Where Ollama is now, without installing: the same shape as `install()`, or null. */
export async function find() {
	const found = await fromPath();
	if (found) return found;
	const { key } = await build();
	return isComplete(key)
		? { command: path.join(partFolder(key), 'bin', 'ollama'), version: VERSION, source: 'built' }
		: null;
}

/**
 * Starts `ollama serve` on loopback.
 * `models`: its model folder; `maxLoaded`, `numParallel`: its own limits; `keepAlive`: how long an idle model stays,
 * such as "5m".
 */
export async function start({ models, maxLoaded, numParallel, keepAlive, port, env = {} }) {
	const { command, version } = await install();
	const listen = port ?? (await freePort());
	const url = `http://127.0.0.1:${listen}`;
	const settings = {
		OLLAMA_HOST: `127.0.0.1:${listen}`,
		OLLAMA_MODELS: models,
		OLLAMA_MAX_LOADED_MODELS: maxLoaded,
		OLLAMA_NUM_PARALLEL: numParallel,
		OLLAMA_KEEP_ALIVE: keepAlive,
		OLLAMA_NO_CLOUD: 1,
		OLLAMA_NOPRUNE: 1, // several servers share the folder: none may tidy up what another is writing
		HOME: scratchFolder('ollama'),
		...env,
	};
	const server = await launch({
		name: `ollama :${listen}`,
		command,
		args: ['serve'],
		env: { ...withoutOllamaSettings(process.env), ...asText(settings) },
		ready: `${url}/api/version`,
	});
	return { url, pid: server.pid, port: listen, version, log: server.log, stop: server.stop };
}

async function fromPath() {
	const command = onPath('ollama');
	if (!command) return null;
	const { stdout } = await run(command, ['--version'], { anyCode: true });
	const version = /(\d+)\.(\d+)\.(\d+)/.exec(stdout);
	if (!version || isOlder([Number(version[1]), Number(version[2])], OLDEST_ON_PATH)) return null;
	return { command, version: version[0], source: 'PATH' };
}

/** The cache key and compiler flags for this machine: without AVX2 code Ollama is 3 to 4 times slower. */
async function build() {
	const cpu = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
	const modern =
		process.arch === 'x64' && ['avx2', 'fma', 'f16c'].every((name) => new RegExp(`\\b${name}\\b`).test(cpu));
	const target = modern ? 'x86-64-v3' : 'plain';
	return {
		key: `ollama-${VERSION}-${process.platform}-${process.arch}-${target}`,
		flags: modern ? '-O3 -march=x86-64-v3' : '-O3',
	};
}

async function demandTools() {
	if (process.platform !== 'linux') {
		throw new MissingPart(
			'Ollama',
			'not on PATH; install it from ollama.com. Building it here is done on Debian and Ubuntu only',
		);
	}
	for (const tool of ['go', 'g++', 'python3', 'tar']) {
		if (!onPath(tool)) throw new MissingPart('Ollama', `not on PATH, and building it needs ${tool}`);
	}
	const { stdout } = await run('go', ['version']);
	const [, major, minor] = /go(\d+)\.(\d+)/.exec(stdout) ?? [];
	if (isOlder([Number(major), Number(minor)], NEEDED_GO)) {
		throw new MissingPart(
			'Ollama',
			`not on PATH, and building it needs Go ${NEEDED_GO.join('.')} or newer, found ${stdout.trim()}`,
		);
	}
}

/** A Go module zip has no vendor folders, so three headers that Ollama's native code includes come from elsewhere. */
async function compile(into, flags) {
	const headers = path.join(into, 'headers');
	await unpackPackages('Ollama', ['nlohmann-json3-dev', 'libstb-dev'], headers);
	const include = path.join(headers, 'usr', 'include');
	await fetchMiniaudio(path.join(into, 'miniaudio'), path.join(include, 'miniaudio'));
	const work = path.join(into, 'go');
	const module = `github.com/ollama/ollama`;
	await run(
		'nice',
		[
			'go',
			'install',
			'-modcacherw',
			'-trimpath',
			'-ldflags',
			`-s -w -X=${module}/version.Version=${VERSION}`,
			`${module}@v${VERSION}`,
		],
		{
			name: 'go install ollama',
			env: {
				...process.env,
				CGO_ENABLED: '1',
				CGO_CPPFLAGS: `-I${include}`,
				CGO_CFLAGS: flags,
				CGO_CXXFLAGS: flags,
				GOPATH: work,
				GOMODCACHE: path.join(work, 'pkg', 'mod'),
				GOCACHE: path.join(work, 'build'),
				GOBIN: path.join(into, 'bin'),
			},
		},
	);
	await rm(work, { recursive: true, force: true });
	await rm(headers, { recursive: true, force: true });
}

async function fetchMiniaudio(work, target) {
	await mkdir(work, { recursive: true });
	await run('python3', [
		'-m',
		'pip',
		'download',
		'--no-cache-dir',
		'--no-deps',
		'--no-binary',
		':all:',
		'-d',
		work,
		MINIAUDIO,
	]);
	const archive = (await readdir(work)).find((name) => name.endsWith('.tar.gz'));
	await run('tar', ['-xzf', archive, '--strip-components=1'], { cwd: work });
	await mkdir(target, { recursive: true });
	await copyFile(path.join(work, 'miniaudio', 'miniaudio.h'), path.join(target, 'miniaudio.h'));
	await rm(work, { recursive: true, force: true });
}

const isOlder = ([major, minor], [wantedMajor, wantedMinor]) =>
	!(major > wantedMajor || (major === wantedMajor && minor >= wantedMinor));

const withoutOllamaSettings = (env) =>
	Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('OLLAMA_')));

const asText = (settings) =>
	Object.fromEntries(
		Object.entries(settings)
			.filter(([, value]) => value !== undefined)
			.map(([name, value]) => [name, String(value)]),
	);
