// Never worse than without: a real Ollama, and the proxy before that same Ollama, answer two hundred requests alike.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { everyPartRequired, MissingPart, stopAll, until } from '../bed/index.mjs';
import * as models from '../bed/models.mjs';
import * as ollama from '../bed/ollama.mjs';
import { comparable, send } from './differential/exchange.mjs';
import { groups } from './differential/requests.mjs';
import { residents, runners } from './differential/residency.mjs';
import { build, startSidecar } from './sidecar.mjs';

/** Seconds by which two answers to one request come apart. */
const APART_S = 4;

let real;
let sidecar;
let missing;
const table = [];

before(
	async () => {
		try {
			const { folder } = await models.install();
			real = await ollama.start({ models: folder });
		} catch (error) {
			if (!(error instanceof MissingPart) || everyPartRequired) throw error;
			missing = error.message;
			return;
		}
		sidecar = await startSidecar(build(), { pc: real.url });
		await until('the host', async () => (await sidecar.scrape()).sum('ollama_up') === 1);
	},
	{ timeout: 900_000 },
);

after(async () => {
	await stopAll();
	if (table.length > 0) console.table(table);
});

/** Lists through the proxy name `auto` beside the host's models; everything else is the host's. */
function withoutAuto(answer) {
	const isAuto = (entry) => /^auto\b/.test(entry.name ?? entry.id ?? '');
	try {
		const value = JSON.parse(answer.text);
		for (const key of ['models', 'data'])
			if (Array.isArray(value[key])) value[key] = value[key].filter((entry) => !isAuto(entry));
		return { ...answer, text: JSON.stringify(value) };
	} catch {
		return answer;
	}
}

/** Sends a request to one of both: its answer, the loads it caused, and what is loaded after it. */
async function observe(url, request) {
	const [held, were] = [await residents(real.url), runners(real.pid)];
	const answer = comparable(withoutAuto(await send(url, request)));
	if (request.leaves)
		await until('the model has left', async () => !(request.body.model in (await residents(real.url))));
	const loads = runners(real.pid).filter((pid) => !were.includes(pid)).length;
	return { answer, loads, held, left: await residents(real.url) };
}

/** What is not alike, in words. */
function differences(direct, proxied) {
	const found = [];
	try {
		assert.deepEqual(proxied.answer, direct.answer);
	} catch (error) {
		found.push(error.message);
	}
	const names = (models) => Object.keys(models).sort().join(', ') || 'nothing';
	if (names(proxied.left) !== names(direct.left))
		return [...found, `${names(proxied.left)} is loaded, ${names(direct.left)} without the proxy`];
	// What the first has loaded as it likes is as the second wants it.
	if (names(proxied.held) === names(proxied.left) && proxied.loads > 0) found.push(`${proxied.loads} loads more`);
	for (const [name, { context, left }] of Object.entries(direct.left)) {
		const other = proxied.left[name];
		if (other.context !== context) found.push(`${name}: context ${other.context}, ${context} without the proxy`);
		// A model may stay longer: what it is worth is decided anew with each call.
		if (other.left < left - 2 * APART_S)
			found.push(`${name}: stays ${other.left.toFixed(0)} s, ${left.toFixed(0)} s without the proxy`);
	}
	return found;
}

for (const { name, cases } of groups) {
	test(name, { timeout: 600_000 }, async (context) => {
		if (missing) return context.skip(missing);
		const failures = [];
		for (const request of cases) {
			const direct = await observe(real.url, request);
			let found = differences(direct, await observe(sidecar.proxy, request));
			// A prompt that was read before is not read again, which may turn the last digit: then both have read it.
			if (found.length > 0)
				found = differences(await observe(real.url, request), await observe(sidecar.proxy, request));
			if (found.length > 0) failures.push(`${request.name}: ${found.join('; ')}`);
		}
		table.push({ group: name, requests: cases.length, alike: cases.length - failures.length });
		assert.equal(failures.length, 0, `\n${failures.join('\n')}`);
	});
}
