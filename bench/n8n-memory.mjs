// What the package adds to the memory of an n8n that does nothing.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { need, run as runProcess, stopAll } from '../tests/e2e/bed/index.mjs';
import { PACKAGE } from '../tests/e2e/n8n/workbench.mjs';
import { median } from './statistics.mjs';
import { table } from './table.mjs';

const RUNS = 3;
const SETTLED_MS = 15_000;

export const title = 'Memory that the package adds to n8n';
export const about = `First rows: the resident memory of a real n8n 2.41.1 with nothing to do, ${SETTLED_MS / 1000} s
after it is ready, without and with the package, in turn; median of ${RUNS}. Its own spread is larger than what is
looked for, so the other rows load the built package in Node alone, after n8n's own libraries that it uses: what is in
use after a garbage collection, code of WebAssembly included. The goal is 15 MB.`;

export async function run() {
	const n8n = await need('n8n');
	let userFolder;
	const resident = { without: [], with: [] };
	for (let turn = 0; turn < RUNS; turn += 1) {
		for (const [name, packages] of Object.entries({ without: [], with: [PACKAGE] })) {
			const instance = await n8n.start({ packages });
			userFolder = instance.userFolder;
			const { pid } = await instance.server();
			await pause(SETTLED_MS);
			resident[name].push(residentMb(pid));
			await stopAll();
		}
	}
	const { node, command } = await n8n.install();
	const env = { ...process.env, NODE_PATH: path.join(path.dirname(command), '../..') };
	// Where n8n has it: beside the sources, development packages would be found and counted.
	const dist = path.join(userFolder, '.n8n/nodes/node_modules/n8n-nodes-smart-ai/dist');
	const { stdout } = await runProcess(node, ['--expose-gc', '-e', LOADING, dist], { env });
	const loaded = JSON.parse(stdout);
	const spread = (list) => `${Math.min(...list).toFixed(0)} to ${Math.max(...list).toFixed(0)}`;
	const rows = [
		['n8n without the package', median(resident.without), spread(resident.without)],
		['n8n with it', median(resident.with), spread(resident.with)],
		['added by loading its nodes, in Node alone', loaded.nodes, ''],
		['added by its first engine (WebAssembly), in Node alone', loaded.engine, ''],
	];
	return table(
		[
			['', '0'],
			['MB', (row) => row[1].toFixed(1)],
			['of all runs', '2'],
		],
		rows,
	);
}

/** Resident memory of a process and those it has started. */
function residentMb(pid) {
	const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
	const [, kb] = /^Rss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
	return Number(kb) / 1024 + children.reduce((sum, child) => sum + residentMb(child), 0);
}

/** Run by Node: what is in use before the nodes are loaded, then, and once there is an engine. */
const LOADING = `
	const path = require('node:path');
	const [dist] = process.argv.slice(1);
	require('n8n-workflow');
	const used = () => {
		for (let time = 0; time < 3; time += 1) gc();
		const { heapUsed, external } = process.memoryUsage();
		return (heapUsed + external) / 2 ** 20;
	};
	const before = used();
	for (const name of ['SmartAi', 'SmartAiChatModel', 'SmartAiEmbeddings']) {
		const file = require(path.join(dist, 'nodes', name, name + '.node.js'));
		new file[name]();
	}
	const nodes = used();
	const { wasmEngine } = require(path.join(dist, 'engine/wasm.js'));
	const away = async () => { throw new Error('nobody there'); };
	wasmEngine({ hosts: [{ id: 'a', url: 'http://127.0.0.1:9' }] }, away).then((engine) => {
		const made = used();
		console.log(JSON.stringify({ nodes: nodes - before, engine: made - nodes }));
		engine.close();
	});
`;
