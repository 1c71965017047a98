// The bed from a shell: install parts, say what is there, or hold a fleet up until a signal.
import path from 'node:path';
import { cacheRoot, megabytes, partFolder, report, stampOf } from './cache.mjs';
import { everyPartRequired, MissingPart } from './missing.mjs';
import { parts } from './parts.mjs';
import { stopAll } from './process.mjs';

const USAGE = `usage: node tests/e2e/bed/index.mjs install [${Object.keys(parts).join('|')}…]
       node tests/e2e/bed/index.mjs status [--json]
       node tests/e2e/bed/index.mjs up
`;

/** Runs one command line; returns its exit code: 0 done, 1 failed, 2 wrong usage. */
export async function command([name, ...rest]) {
	const unknown = name === 'install' ? rest.filter((part) => !(part in parts)) : [];
	if (name === 'install' && unknown.length === 0) return install(rest.length ? rest : Object.keys(parts));
	if (name === 'status' && rest.every((flag) => flag === '--json')) return status(rest.includes('--json'));
	if (name === 'up' && rest.length === 0) return up();
	if (unknown.length) process.stderr.write(`no part is called ${unknown.join(', ')}\n`);
	process.stderr.write(USAGE);
	return 2;
}

async function install(names) {
	let failed = false;
	for (const name of names) {
		const started = Date.now();
		try {
			await parts[name].install();
			report(`${name}: ready (${((Date.now() - started) / 1000).toFixed(1)} s)`);
		} catch (error) {
			if (!(error instanceof MissingPart)) throw error;
			report(`${name}: ${error.message}`);
			failed ||= everyPartRequired;
		}
	}
	return failed ? 1 : 0;
}

async function status(asJson) {
	const rows = [];
	for (const [name, part] of Object.entries(parts)) {
		const found = await part.find();
		const at = found ? (found.command ?? found.folder ?? found.prometheus ?? found.postgres) : null;
		const stamp = at?.startsWith(cacheRoot) ? await stampOf(path.relative(cacheRoot, at).split(path.sep)[0]) : null;
		rows.push({
			part: name,
			ready: Boolean(found),
			version: found?.version ?? null,
			at,
			bytes: stamp?.bytes ?? null,
			seconds: stamp?.seconds ?? null,
		});
	}
	if (asJson) {
		process.stdout.write(`${JSON.stringify({ cache: partFolder(''), parts: rows })}\n`);
		return 0;
	}
	for (const { part, ready, version, at, bytes, seconds } of rows) {
		const made = bytes === null ? '' : `, ${megabytes(bytes)}, installed in ${seconds} s`;
		process.stdout.write(`${part.padEnd(11)} ${ready ? `ready    ${version ?? ''} ${at}${made}` : 'missing'}\n`);
	}
	return 0;
}

/** Two Ollama servers, node-exporter and Prometheus, until SIGINT or SIGTERM. */
async function up() {
	try {
		const { folder, tags } = await parts.models.install();
		const hosts = [await parts.ollama.start({ models: folder }), await parts.ollama.start({ models: folder })];
		const exporter = await parts.prometheus.startNodeExporter();
		const prometheus = await parts.prometheus.start({ targets: [{ job: 'node', address: exporter.address }] });
		const started = [...hosts, exporter, prometheus];
		const lines = {
			ollama: hosts.map(({ url }) => url),
			prometheus: prometheus.url,
			nodeExporter: exporter.url,
			models: tags,
			pids: started.map(({ pid }) => pid),
		};
		process.stdout.write(`${JSON.stringify(lines)}\n`);
	} catch (error) {
		await stopAll();
		if (!(error instanceof MissingPart)) throw error;
		report(error.message);
		return 1;
	}
	// The guard of process.mjs ends everything, and this process, on the signal; the servers' pipes keep it up till then.
	return 0;
}
