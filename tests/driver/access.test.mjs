// Hosts behind a reverse proxy: certificates and redirects, on the build that BUILD names.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { built } from '../world/build.mjs';
import { ollama } from '../world/ollama.mjs';

const folder = mkdtempSync(join(tmpdir(), 'smart-ai-access-'));
const open = [];
after(async () => {
	for (const it of open) await it.close();
	rmSync(folder, { recursive: true });
});

/** A host behind TLS, with a certificate that it signed itself. */
async function behindTls(asking = {}) {
	const [key, ca_file] = ['key.pem', 'own.pem'].map((name) => join(folder, `${open.length}-${name}`));
	const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
	const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', ca_file];
	execFileSync('openssl', [...made, ...subject], { stdio: 'ignore' });
	const host = await ollama();
	const options = { key: readFileSync(key), cert: readFileSync(ca_file), ...asking };
	const server = createServer(options, (incoming, response) => {
		const { method, url, headers } = incoming;
		const passed = request(host.url + url, { method, headers }, (answer) => {
			response.writeHead(answer.statusCode, answer.headers);
			answer.pipe(response);
		});
		incoming.pipe(passed);
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	const close = () => {
		server.closeAllConnections();
		server.close();
	};
	open.push(host, { close });
	return { url: `https://127.0.0.1:${server.address().port}`, ca_file, key_file: key };
}

function started(ai) {
	open.push(ai);
	return ai;
}

test('a host with a certificate of its own is reached where that is named, and named where it is not', async () => {
	const { url, ca_file } = await behindTls();
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
	const shown = await behindTls();
	// A certificate that signed itself, and that the server knows: one may do for both sides.
	const ca = readFileSync(shown.ca_file);
	const { url } = await behindTls({
		key: readFileSync(shown.key_file),
		cert: ca,
		ca,
		requestCert: true,
		rejectUnauthorized: true,
	});
	const ask = { prompt: 'Say hello.' };
	const access = { ca: String(ca), client_cert: String(ca), client_key_file: shown.key_file };
	const admitted = await started(built.createDispatcher({ hosts: [{ url, ...access }] })).ask(ask);
	assert.deepEqual([admitted.ok, admitted.text], [true, 'Hello there']);
	const { error } = await started(built.createDispatcher({ hosts: [{ url, ca: String(ca) }] })).ask(ask);
	assert.match(error.message, /certificate_refused: it asks for a certificate that it knows/);
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
