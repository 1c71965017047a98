// Who answers: fixed choices as people wire them into a workflow, and Smart AI.
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { scratchFolder } from '../../tests/e2e/bed/index.mjs';
import { ask, options } from './fleet.mjs';

/** A fixed model for each kind; `hostOf` may place models, otherwise the servers take turns. */
export function fixed(name, hosts, modelOf, hostOf = null) {
	let turn = 0;
	return {
		name,
		async answer(item) {
			const model = item.model ?? modelOf(item.kind);
			const host = hostOf ? hostOf(model) : hosts[turn++ % hosts.length];
			try {
				return { ok: true, text: await ask(host, model, item), model, host: host.name };
			} catch (error) {
				return { ok: false, text: error.message, model, host: host.name };
			}
		},
		async close() {},
	};
}

/**
 * Smart AI: one process of the program for the whole run; it learns as it goes. It is told which models do for a kind.
 */
export function smart(name, program, hosts, acceptedOf) {
	const config = path.join(scratchFolder('bench-smart-ai'), 'smart-ai.toml');
	const host = ({ name: id, url }) =>
		`[[hosts]]\nid = "${id}"\nurl = "${url}"\nparallel = 1\nmax_loaded = 1\ninstance = "${id}"\n`;
	writeFileSync(config, hosts.map(host).join('\n'));
	const child = spawn(program, ['--config', config, 'ask', '--jsonl', '-', '--concurrency', '200', '--json'], {
		stdio: ['pipe', 'pipe', 'inherit'],
	});
	const ended = once(child, 'exit');
	const waiting = new Map();
	let number = 0;
	createInterface({ input: child.stdout }).on('line', (line) => {
		const result = JSON.parse(line);
		waiting.get(result.id)?.(result);
		waiting.delete(result.id);
	});
	return {
		name,
		answer(item) {
			const id = ++number;
			const { kind, task, prompt } = item;
			const which = item.model ? { model: item.model } : { models: acceptedOf(kind) };
			return new Promise((resolve) => {
				waiting.set(id, resolve);
				child.stdin.write(`${JSON.stringify({ id, prompt, task, shape: kind, options: options(item), ...which })}\n`);
			});
		},
		async close() {
			child.stdin.end();
			await ended;
		},
	};
}
