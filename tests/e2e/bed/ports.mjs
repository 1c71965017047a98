// Free loopback ports. A port handed out is not handed out again by this process, even if nobody listens on it yet.
import { createServer } from 'node:net';

const handedOut = new Set();

/** A TCP port on 127.0.0.1 that nobody listens on. */
export async function freePort() {
	for (;;) {
		const port = await unusedPort();
		if (handedOut.has(port)) continue;
		handedOut.add(port);
		return port;
	}
}

function unusedPort() {
	return new Promise((resolve, reject) => {
		const server = createServer();
		server.once('error', reject);
		server.listen(0, '127.0.0.1', () => {
			const { port } = server.address();
			server.close(() => resolve(port));
		});
	});
}
