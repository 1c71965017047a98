// The demo as a newcomer runs it where no Ollama can be had: it says so first and last, and leaves n8n up when asked.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { needOrSkip } from '../bed/index.mjs';

const DEMO = fileURLToPath(new URL('demo.mjs', import.meta.url));

test('the demo runs on simulated hosts, says so, and keeps n8n up', { timeout: 300_000 }, async (t) => {
	if (!(await needOrSkip(t, 'n8n'))) return;
	const demo = spawn(process.execPath, [DEMO, '--simulated', '--keep'], { stdio: ['ignore', 'pipe', 'inherit'] });
	t.after(() => demo.kill());
	const ended = once(demo, 'exit');
	const lines = [];
	for await (const line of createInterface({ input: demo.stdout })) {
		lines.push(line);
		const url = /n8n stays up at (\S+)/.exec(line)?.[1];
		if (!url) continue;
		assert.equal((await fetch(`${url}/healthz`)).status, 200);
		demo.kill('SIGINT');
	}
	await ended;
	const text = lines.join('\n');
	assert.match(lines[0], /^SIMULATED: /);
	assert.match(lines.at(-1), /^SIMULATED: /);
	assert.equal(text.match(/ engine: \d.* s predicted, .* s taken$/gm)?.length, 4, text);
	assert.match(text, /why: .*phi3:mini/);
	assert.doesNotMatch(text, /Real Ollama/);
});
