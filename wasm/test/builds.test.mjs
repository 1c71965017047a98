// What only the WebAssembly build has: one file with everything in it, and no file of certificates.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import * as file from 'ai-model-dispatcher-wasm';
import * as inline from 'ai-model-dispatcher-wasm/inline';
import { fleet } from '../../tests/world/fleet.mjs';
import { lines } from '../../tests/world/ollama.mjs';

const require = createRequire(import.meta.url);

test('the inlined build does the same, from ESM and from CommonJS, with the hands it is given', async () => {
	for (const build of [inline, require('ai-model-dispatcher-wasm/inline')]) {
		const hands = { transport: file.nodeTransport, sleep: file.sleep, now: Date.now };
		const { ai } = await fleet([{ chat: (_, response) => lines(response, ['Hi']) }], {}, (config) =>
			build.createDispatcher(config, hands),
		);
		assert.equal((await ai.ask({ prompt: 'Say hi.' })).text, 'Hi');
	}
});

test('a file of certificates needs the native engine', () => {
	const config = { hosts: [{ url: 'http://a' }], prometheus: { url: 'http://p', ca_file: 'x.pem' } };
	assert.throws(() => file.createDispatcher(config), { code: 'config_invalid', field: 'prometheus.ca_file' });
});
