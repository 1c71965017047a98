// Prometheus and node-exporter: on PATH, else Debian's packages unpacked into the cache.
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ensurePart, isComplete, partFolder } from './cache.mjs';
import { unpackPackages } from './debian.mjs';
import { MissingPart } from './missing.mjs';
import { freePort } from './ports.mjs';
import { launch, onPath, run, scratchFolder } from './process.mjs';

const KEY = `prometheus-debian-${process.arch}`;
const COMMANDS = { prometheus: 'prometheus', promtool: 'promtool', nodeExporter: 'prometheus-node-exporter' };
const COLLECTORS = ['cpu', 'meminfo', 'loadavg', 'time'];

/** Finds or unpacks both; returns the paths `{ prometheus, promtool, nodeExporter, source }`. */
export async function install() {
	const found = fromPath();
	if (found) return found;
	if (!isComplete(KEY) && process.platform !== 'linux') {
		throw new MissingPart('Prometheus', 'prometheus and node_exporter are not on PATH');
	}
	const folder = await ensurePart(KEY, 'Prometheus and node-exporter', async (into) => {
		const root = path.join(into, 'root');
		await unpackPackages('Prometheus', ['prometheus', 'prometheus-node-exporter'], root);
		// Debian's are Go programs that need libc only; a distribution that needs more fails here, not in a test.
		for (const command of Object.values(COMMANDS)) await run(path.join(root, 'usr', 'bin', command), ['--version']);
	});
	return unpacked(folder);
}

/** Where they are now, without installing, or null. */
export const find = async () => fromPath() ?? (isComplete(KEY) ? unpacked(partFolder(KEY)) : null);

/**
 * Starts Prometheus, which scrapes `targets`: a list of `{ job, url }`, or of `{ job, address, labels, path }`
 * (`address` is host:port; `labels` are added to each sample).
 */
export async function start({ targets = [], scrapeIntervalSeconds = 1, rules = [], port } = {}) {
	const { prometheus } = await install();
	const folder = scratchFolder('prometheus');
	const listen = port ?? (await freePort());
	const url = `http://127.0.0.1:${listen}`;
	const file = path.join(folder, 'prometheus.json');
	await writeFile(file, JSON.stringify(configuration(targets, scrapeIntervalSeconds, rules), null, 2));
	const server = await launch({
		name: `prometheus :${listen}`,
		command: prometheus,
		args: [
			`--config.file=${file}`,
			`--storage.tsdb.path=${path.join(folder, 'data')}`,
			`--web.listen-address=127.0.0.1:${listen}`,
			'--log.level=warn',
		],
		ready: `${url}/-/ready`,
	});
	const query = (expression) => instantQuery(url, expression);
	return { url, pid: server.pid, query, log: server.log, stop: server.stop };
}

/** Starts node-exporter with the collectors of CPU, memory and load only. */
export async function startNodeExporter({ port } = {}) {
	const { nodeExporter } = await install();
	const listen = port ?? (await freePort());
	const address = `127.0.0.1:${listen}`;
	const server = await launch({
		name: `node-exporter :${listen}`,
		command: nodeExporter,
		args: [
			`--web.listen-address=${address}`,
			'--collector.disable-defaults',
			...COLLECTORS.map((name) => `--collector.${name}`),
		],
		ready: `http://${address}/metrics`,
	});
	return { url: `http://${address}`, address, pid: server.pid, log: server.log, stop: server.stop };
}

/** The samples of an instant query: `[{ metric, value: [time, text] }]`. */
async function instantQuery(url, expression) {
	const response = await fetch(`${url}/api/v1/query`, {
		method: 'POST',
		body: new URLSearchParams({ query: expression }),
	});
	const answer = await response.json();
	if (answer.status !== 'success') throw new Error(`Prometheus: ${answer.errorType}: ${answer.error}`);
	return answer.data.result;
}

/** JSON is YAML, so no YAML writer is needed. */
function configuration(targets, seconds, rules) {
	return {
		global: { scrape_interval: `${seconds}s`, scrape_timeout: `${seconds}s`, evaluation_interval: `${seconds}s` },
		rule_files: rules,
		scrape_configs: targets.map(({ job, url, address, path: metricsPath, labels = {} }) => {
			const from = url ? new URL(url) : null;
			return {
				job_name: job,
				metrics_path: metricsPath ?? (from && from.pathname !== '/' ? from.pathname : '/metrics'),
				static_configs: [{ targets: [address ?? from.host], labels }],
			};
		}),
	};
}

function fromPath() {
	const prometheus = onPath('prometheus');
	const promtool = onPath('promtool');
	const nodeExporter = onPath('prometheus-node-exporter') ?? onPath('node_exporter');
	return prometheus && promtool && nodeExporter ? { prometheus, promtool, nodeExporter, source: 'PATH' } : null;
}

function unpacked(folder) {
	const at = (command) => path.join(folder, 'root', 'usr', 'bin', command);
	const found = {
		prometheus: at(COMMANDS.prometheus),
		promtool: at(COMMANDS.promtool),
		nodeExporter: at(COMMANDS.nodeExporter),
		source: 'unpacked',
	};
	return existsSync(found.prometheus) ? found : null;
}
