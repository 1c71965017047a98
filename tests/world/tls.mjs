// A server behind TLS, with a certificate that signed itself. Needs openssl.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate for 127.0.0.1 and its key, as PEM text. A server may take it from a client, too. */
function selfSigned() {
	const folder = mkdtempSync(join(tmpdir(), 'smart-ai-tls-'));
	const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name));
	const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
	const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert];
	try {
		execFileSync('openssl', [...made, ...subject], { stdio: 'ignore' });
		return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
	} finally {
		rmSync(folder, { recursive: true });
	}
}

/** Passes on what comes by TLS to the server at `to`. With `asks`, only a client that shows `cert` gets through. */
export async function behindTls(to, { asks = false } = {}) {
	const { cert, key } = selfSigned();
	const only = asks ? { ca: cert, requestCert: true, rejectUnauthorized: true } : {};
	const server = createServer({ cert, key, ...only }, (incoming, response) => {
		const { method, url, headers } = incoming;
		const passed = request(to + url, { method, headers }, (answer) => {
			response.writeHead(answer.statusCode, answer.headers);
			answer.pipe(response);
		});
		incoming.pipe(passed);
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	return {
		url: `https://127.0.0.1:${server.address().port}`,
		cert,
		key,
		close: () => {
			server.close();
			server.closeAllConnections();
		},
	};
}
