// Hosts that hang, or hold an answer open when it is over, by raw answers of theirs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { stopAll, until } from '../bed/index.mjs';
import { scriptedHost } from './scripted-host.mjs';
import { build, startSidecar } from './sidecar.mjs';

let host;
let sidecar;
let closed = 0;

const last = JSON.stringify({
	model: 'm',
	message: { role: 'assistant', content: 'Hi' },
	done: true,
	done_reason: 'stop',
});
const event = JSON.stringify({ choices: [{ index: 0, delta: { content: 'Hi' } }] });
const words = { '/api/chat': `${last}\n`, '/v1/chat/completions': `data: ${event}\n\ndata: [DONE]\n\n` };

before(async () => {
	host = await scriptedHost((incoming, outgoing) => {
		incoming.resume();
		if (!words[incoming.url]) return outgoing.writeHead(404).end();
		// The last word, and then nothing: neither an end nor a close.
		outgoing.on('close', () => {
			closed += 1;
		});
		return outgoing.setHeader('content-type', 'application/json').write(words[incoming.url]);
	});
	sidecar = await startSidecar(build(), { pc: host.url });
	await until('the host', async () => (await sidecar.scrape()).sum('ollama_up') === 1);
});

after(async () => {
	await stopAll();
	await host.close();
});

for (const [path, stream] of [
	['/api/chat', true],
	['/api/chat', false],
	['/v1/chat/completions', true],
	['/v1/chat/completions', false],
]) {
	test(`${path}${stream ? ', streamed,' : ''} ends with the host's last word, and its connection`, async () => {
		const before = closed;
		const messages = [{ role: 'user', content: 'Hi' }];
		const response = await fetch(`${sidecar.proxy}${path}`, {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body: JSON.stringify({ model: 'm', stream, messages }),
			signal: AbortSignal.timeout(20_000),
		});
		assert.match(await response.text(), /Hi/);
		await until('the connection to the host to be closed', () => closed === before + 1);
	});
}
