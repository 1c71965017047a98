// n8n 2.41.1 on Node 24, both from npm, in the cache. SQLite is its database; everything of one instance is in its user
// folder.
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cacheRoot, ensurePart, isComplete, partFolder } from './cache.mjs';
import { MissingPart } from './missing.mjs';
import { openSession } from './n8n-session.mjs';
import { freePort } from './ports.mjs';
import { launch, onPath, run, scratchFolder } from './process.mjs';

const N8N = '2.41.1';
const NODE = '24';
const KEY = `n8n-${N8N}-node${NODE}-${process.platform}-${process.arch}`;

/** Installs Node 24 and n8n; returns `{ node, command, version, folder }`. */
export async function install() {
	if (!isComplete(KEY) && (process.platform === 'win32' || !onPath('npm'))) {
		throw new MissingPart('n8n', 'installing it needs npm on Linux or macOS');
	}
	const folder = await ensurePart(KEY, `n8n ${N8N} (3 to 6 minutes)`, installInto);
	return parts(folder);
}

/** Where it is now, without installing, or null. */
export const find = async () => (isComplete(KEY) ? parts(partFolder(KEY)) : null);

/**
 * Prepares an instance: `packages` are folders of built community packages, `credentials` and `workflows` are n8n's own
 * JSON (lists). A user folder that is not given is a fresh one and is removed at the end.
 */
export async function start({
	userFolder = scratchFolder('n8n'),
	packages = [],
	credentials = [],
	workflows = [],
	env = {},
} = {}) {
	const { node, command } = await install();
	await placePackages(userFolder, packages);
	const settings = await settingsFor(userFolder, env);
	const cli = (args, options = {}) => cliRun(node, command, args, settings, options);
	await importAll(cli, userFolder, 'credentials', credentials);
	await importAll(cli, userFolder, 'workflow', workflows);
	const servers = [];
	return {
		userFolder,
		settings,
		cli,
		execute: (workflowId, options) => execute(cli, workflowId, options),
		/** Makes a workflow live (its webhooks and schedules) from the next server start on. */
		publish: (workflowId) => cli(['publish:workflow', `--id=${workflowId}`]),
		server: async (options) => {
			const server = await serve(node, command, settings, options);
			servers.push(server);
			return server;
		},
		stop: async () => {
			await Promise.all(servers.map((server) => server.stop()));
		},
	};
}

function parts(folder) {
	return {
		folder,
		version: N8N,
		node: path.join(nodeFolder(folder), 'bin', 'node'),
		command: path.join(folder, 'app', 'node_modules', 'n8n', 'bin', 'n8n'),
	};
}

const nodeFolder = (folder) => path.join(folder, 'node', 'node_modules', 'node');

async function installInto(folder) {
	// The npm package `node` brings the binary by its install script, so it is installed with scripts, in a folder of its
	// own.
	const node = path.join(folder, 'node');
	const app = path.join(folder, 'app');
	const env = { ...process.env, npm_config_cache: path.join(cacheRoot, 'npm'), npm_config_update_notifier: 'false' };
	await emptyPackage(node);
	await run('npm', ['install', `node@${NODE}`, '--no-audit', '--no-fund'], { cwd: node, env });
	env.PATH = `${path.join(nodeFolder(folder), 'bin')}${path.delimiter}${env.PATH}`;
	await emptyPackage(app);
	// Without scripts: one optional queue client would be compiled and fail. SQLite's addon is the only one that n8n
	// needs built.
	await run('npm', ['install', `n8n@${N8N}`, '--save-exact', '--ignore-scripts', '--no-audit', '--no-fund'], {
		cwd: app,
		env,
	});
	await run('npm', ['rebuild', 'sqlite3', '--foreground-scripts'], {
		cwd: app,
		env: { ...env, npm_config_nodedir: headersFolder(folder) },
	});
	const { node: binary, command } = parts(folder);
	await run(binary, [command, '--version'], { env: { ...env, N8N_USER_FOLDER: path.join(folder, 'home') } });
}

const headersFolder = (folder) =>
	path.join(nodeFolder(folder), 'node_modules', `node-${process.platform}-${process.arch}`);

async function emptyPackage(folder) {
	await mkdir(folder, { recursive: true });
	await writeFile(path.join(folder, 'package.json'), '{"private":true}\n');
}

/** As n8n's own installer leaves them: a folder by package name under `nodes/node_modules`. */
async function placePackages(userFolder, packages) {
	const modules = path.join(userFolder, '.n8n', 'nodes', 'node_modules');
	await mkdir(modules, { recursive: true });
	for (const each of packages) {
		const { folder, link = false } = typeof each === 'string' ? { folder: each } : each;
		const manifest = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
		const target = path.join(modules, manifest.name);
		await mkdir(path.dirname(target), { recursive: true });
		if (link) await symlink(folder, target);
		else
			await cp(folder, target, {
				recursive: true,
				filter: (from) => !from.slice(folder.length).includes('node_modules'),
			});
	}
}

async function settingsFor(userFolder, env) {
	const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(N8N_|NODE_TEST)/.test(name)));
	return {
		...inherited,
		N8N_USER_FOLDER: userFolder,
		N8N_ENCRYPTION_KEY: 'test-bed-key-0123456789abcdef',
		N8N_DIAGNOSTICS_ENABLED: 'false',
		N8N_VERSION_NOTIFICATIONS_ENABLED: 'false',
		N8N_TEMPLATES_ENABLED: 'false',
		N8N_PERSONALIZATION_ENABLED: 'false',
		N8N_HIRING_BANNER_ENABLED: 'false',
		N8N_LICENSE_AUTO_RENEW_ENABLED: 'false',
		N8N_AI_ENABLED: 'false',
		N8N_PYTHON_ENABLED: 'false',
		N8N_DISABLED_MODULES: 'mcp-registry',
		N8N_HOST: '127.0.0.1',
		N8N_LISTEN_ADDRESS: '127.0.0.1',
		N8N_SECURE_COOKIE: 'false',
		N8N_LOG_LEVEL: 'info',
		GENERIC_TIMEZONE: 'UTC',
		...env,
	};
}

async function cliRun(node, command, args, settings, { anyCode = false, deadlineMs = 300_000 } = {}) {
	const env = { ...settings, N8N_RUNNERS_BROKER_PORT: String(await freePort()) };
	return run(node, [command, ...args], { name: `n8n ${args[0]}`, env, anyCode, deadlineMs });
}

async function importAll(cli, userFolder, kind, items) {
	if (items.length === 0) return;
	const file = path.join(userFolder, `import-${kind}.json`);
	await writeFile(file, JSON.stringify(items), { mode: 0o600 });
	await cli([`import:${kind}`, `--input=${file}`]);
}

/** Runs a workflow to its end in a process of its own. Returns `{ ok, run, output }`; `output` is what it printed. */
async function execute(cli, workflowId, { deadlineMs } = {}) {
	const { stdout } = await cli(['execute', `--id=${workflowId}`, '--rawOutput'], { anyCode: true, deadlineMs });
	const lines = stdout.split('\n');
	const first = lines.findIndex((line) => line.startsWith('{'));
	const run = first < 0 ? null : firstJson(lines.slice(first));
	// Not the exit code: on a busy machine n8n stumbles while it shuts down after a run that went well.
	return { ok: run?.status === 'success', run, output: stdout };
}

/** The JSON text at the start of the lines; log lines may follow it. */
function firstJson(lines) {
	const end = lines[0] === '{' ? lines.indexOf('}') + 1 : 1;
	return JSON.parse(lines.slice(0, end).join('\n'));
}

/** `role`: what the process does, as n8n's commands are called; in queue mode it may be a `webhook` or a `worker`. */
async function serve(node, command, settings, { role = 'start', args = [], port, deadlineMs = 120_000 } = {}) {
	const listen = port ?? (await freePort());
	const health = { QUEUE_HEALTH_CHECK_ACTIVE: 'true', QUEUE_HEALTH_CHECK_PORT: String(listen) };
	const address = role === 'worker' ? health : { N8N_PORT: String(listen) };
	const url = `http://127.0.0.1:${listen}`;
	const server = await launch({
		name: `n8n ${role} :${listen}`,
		command: node,
		args: [command, role, ...args],
		env: { ...settings, ...address, N8N_RUNNERS_BROKER_PORT: String(await freePort()) },
		ready: `${url}/healthz/readiness`,
		deadlineMs,
	});
	const { pid, log, stop, ended } = server;
	return { url, pid, log, stop, ended, session: () => openSession(url) };
}
