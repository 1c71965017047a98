// A TCP proxy before a server on this machine that holds back each byte for a while, both ways.
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Listens on `port` for the server's; `roundTrips` counts how often the client waited for an answer, `set` changes the
 * milliseconds each way.
 */
export async function slowLine(serverPort, delayMs) {
	let ms = delayMs;
	let trips = 0;
	const open = new Set();
	const server = net.createServer((client) => {
		const upstream = net.connect(serverPort, '127.0.0.1');
		let asking = false;
		const pass = (from, to, seen) => {
			let last = Promise.resolve();
			from.on('data', (chunk) => {
				seen();
				const due = delay(ms);
				last = Promise.all([last, due]).then(() => to.destroyed || to.write(chunk));
			});
			const end = () => last.then(() => to.destroy());
			from.on('close', end);
			from.on('error', end);
			open.add(from);
		};
		pass(client, upstream, () => {
			if (!asking) trips += 1;
			asking = true;
		});
		pass(upstream, client, () => {
			asking = false;
		});
	});
	await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
	return {
		port: server.address().port,
		roundTrips: () => trips,
		set: (each) => {
			ms = each;
		},
		end: () => {
			for (const socket of open) socket.destroy();
			return new Promise((resolve) => server.close(resolve));
		},
	};
}
