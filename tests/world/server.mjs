// A server of a test's own, on a free loopback port.
import { once } from 'node:events';
import { createServer } from 'node:http';

/** Starts one that answers by `handler`; `create` makes it. `close` ends it with every connection. */
export async function serving(handler, create = createServer) {
	const server = create(handler).listen(0, '127.0.0.1');
	await once(server, 'listening');
	return {
		url: `http://127.0.0.1:${server.address().port}`,
		close: () => {
			const closed = once(server, 'close');
			server.close();
			server.closeAllConnections();
			return closed;
		},
	};
}
