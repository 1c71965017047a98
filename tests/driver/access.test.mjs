// Hosts behind a reverse proxy: certificates and redirects, on the build that BUILD names.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { built } from '../world/build.mjs';
import { ollama } from '../world/ollama.mjs';
import { behindTls } from '../world/tls.mjs';

const folder = mkdtempSync(join(tmpdir(), 'smart-ai-access-'));
const open = [];
after(async () => {
	for (const it of open) await it.close();
	rmSync(folder, { recursive: true });
});

/** A host behind TLS; `ca_file` and `key_file` hold what it was made with. */
async function hostBehindTls(asking) {
	const behind = await ollama();
	const host = await behindTls(behind.url, asking);
	const [ca_file, key_file] = ['own', 'key'].map((name) => join(folder, `${open.length}-${name}.pem`));
	writeFileSync(ca_file, host.cert);
	writeFileSync(key_file, host.key);
	open.push(host, behind);
	return { ...host, ca_file, key_file };
}

function started(ai) {
	open.push(ai);
	return ai;
}

test('a host with a certificate of its own is reached where that is named, and named where it is not', async () => {
	const { url, ca_file } = await hostBehindTls();
	const ask = { prompt: 'Say hello.' };
	const trusted = await started(built.createDispatcher({ hosts: [{ url, ca_file }] })).ask(ask);
	assert.deepEqual([trusted.ok, trusted.text], [true, 'Hello there']);
	const { ok, error } = await started(built.createDispatcher({ hosts: [{ url }] })).ask(ask);
	assert.deepEqual([ok, error.code], [false, 'no_host']);
	assert.match(
		error.message,
		/certificate_refused: its certificate is signed by an authority that is not trusted here/,
	);
	assert.match(error.hint, /ca_file/);
});

test('a host that asks for a certificate is shown the one named for it, and says so where none is', async () => {
	const { url, cert: ca, key_file } = await hostBehindTls({ asks: true });
	const ask = { prompt: 'Say hello.' };
	const access = { ca, client_cert: ca, client_key_file: key_file };
	const admitted = await started(built.createDispatcher({ hosts: [{ url, ...access }] })).ask(ask);
	assert.deepEqual([admitted.ok, admitted.text], [true, 'Hello there']);
	const { error } = await started(built.createDispatcher({ hosts: [{ url, ca }] })).ask(ask);
	assert.match(error.message, /certificate_refused: it asks for a certificate of its client, and got none/);
	assert.match(error.hint, /client_cert_file/);
});

test('a file that cannot be read is named by its key', () => {
	const hosts = [{ url: 'https://127.0.0.1:9', ca_file: join(folder, 'nowhere.pem') }];
	assert.throws(() => built.createDispatcher({ hosts }), { code: 'config_invalid', message: /ca_file.*nowhere\.pem/ });
});

test('a redirect is named, and the key goes nowhere else', async () => {
	const elsewhere = await ollama();
	const moved = await ollama({ location: `${elsewhere.url}/login?token=hunter2` });
	open.push(elsewhere, moved);
	const ai = started(built.createDispatcher({ hosts: [{ url: moved.url, api_key: 's3cr3t' }] }));
	const { ok, error } = await ai.ask({ prompt: 'Say hello.' });
	assert.deepEqual([ok, elsewhere.requests], [false, []]);
	assert.ok(error.message.includes(`it redirects to ${elsewhere.url}/login (status 302)`), error.message);
});
