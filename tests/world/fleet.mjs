// A dispatcher of the build under test on scripted hosts, which all end with the tests of the file.
import { after } from 'node:test';
import { built } from './build.mjs';
import { ollama } from './ollama.mjs';

const open = [];
after(() => Promise.all(open.map((it) => it.close())));

/** Closes this when the tests of the file are over. */
export function closing(it) {
	open.push(it);
	return it;
}

/** Hosts `h0`, `h1`, …, each as `ollama` takes it, and a dispatcher that `create` makes. */
export async function fleet(hosts, config = {}, create = built.createDispatcher) {
	const servers = await Promise.all(hosts.map((host) => ollama(host)));
	servers.forEach(closing);
	const ai = closing(create({ hosts: servers.map(({ url }, at) => ({ id: `h${at}`, url })), ...config }));
	return { ai, servers };
}

/** Something that happens once: `rung` resolves when `ring` is called. */
export function signal() {
	let ring;
	const rung = new Promise((resolve) => (ring = resolve));
	return { ring, rung };
}
