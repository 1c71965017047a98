// One process of `smart-ai ask --jsonl` that is told nothing but the hosts' URLs; it learns as it goes.
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Ollama's options of every call: greedy, one line, one core for each server. */
export const options = { temperature: 0, num_predict: 20, num_thread: 1, stop: ['\n'] };

/** Starts one; `how` goes into each of its asks: `{ mode }`, or `{ models }` for a fixed choice. */
export function contender(name, program, hosts, how) {
	const urls = hosts.flatMap(({ url }) => ['--host', url]);
	const child = spawn(program, ['ask', ...urls, '--jsonl', '-', '--concurrency', '200', '--json'], {
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
	const write = (line) => child.stdin.write(`${JSON.stringify(line)}\n`);
	return {
		name,
		/** The result of one ask. */
		answer(prompt) {
			const id = ++number;
			return new Promise((resolve) => {
				waiting.set(id, resolve);
				write({ id, prompt, options, ...how });
			});
		},
		/** A thumb for an answer, as a user gives one. */
		rate({ model, decision }, isGood) {
			number += 1; // an ask without an id of its own would be called by its line
			write({ feedback: { model, task: decision.task, thumbs: isGood ? 'up' : 'down' } });
		},
		async close() {
			child.stdin.end();
			await ended;
		},
	};
}
