// Two sidecars on one history in PostgreSQL: one is ready, the other takes over with what was learned, whatever ends.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { run, scratchFolder, stopAll, until } from '../bed/index.mjs';
import { build, startHost, startSidecar } from '../serve/sidecar.mjs';
import { ask, select, stores } from './store.mjs';

after(stopAll);

const JOBS = 5;

const ready = async ({ proxy }) => {
	const response = await fetch(`${proxy}/smart-ai/ready`);
	return { status: response.status, ...(await response.json()) };
};
const isReady = async (sidecar) => (await ready(sidecar)).status === 200;
const kill = async (sidecar) => {
	process.kill(sidecar.pid, 'SIGKILL');
	await sidecar.ended;
};
/** What a running program believes of the only arm: calls answered, a little less for each that is older. */
async function answered({ proxy }) {
	const snapshot = await (await fetch(`${proxy}/smart-ai/snapshot`)).json();
	return snapshot.hosts[0].models[0]?.reliability.successes ?? 0;
}

/** A store, a host, and sidecars before it; null where there is no PostgreSQL. */
async function bed(t) {
	const store = await stores.PostgreSQL(t);
	if (!store) return null;
	t.after(store.remove);
	const program = build();
	const host = await startHost(program, { models: [{ name: 'm', load_s: 0.1 }] });
	t.after(host.stop);
	const start = async (flags = ['--standby'], variables = {}) => {
		const sidecar = await startSidecar(program, { pc: host.url }, ['--history', store.url, ...flags], 0.2, variables);
		t.after(sidecar.stop);
		return sidecar;
	};
	return { store, host, program, start };
}

/** Asks now and then until what was learned of some calls is in the store; of how many. */
const teach = (sidecar, store) =>
	until(
		'what was learned to be kept',
		async () => {
			assert.equal(await ask(sidecar), 200);
			const kept = await select(
				store,
				"SELECT detail::jsonb->'calls'->'calls'->>'successes' FROM estimates WHERE kind = 'arm'",
			);
			return Number(kept?.[0] ?? 0) > JOBS && Number(kept[0]);
		},
		{ everyMs: 500 },
	);

test('the first is ready, the second says so, and takes over with what was learned when that is killed', async (t) => {
	const made = await bed(t);
	if (!made) return;
	const first = await made.start();
	await until('the first to be ready', () => isReady(first));
	const second = await made.start();
	const waiting = await until('the second to wait', async () => {
		const told = await ready(second);
		return /process/.test(told.why) && told;
	});
	assert.deepEqual([waiting.status, waiting.ok, waiting.waits, waiting.up], [503, false, true, ['pc']]);
	const port = new URL(first.proxy).host;
	assert.equal(waiting.why, `stands by; who serves: smart-ai serve, process ${first.pid}, proxy ${port} (127.0.0.1)`);
	assert.equal((await fetch(`${second.metrics.replace('metrics', 'ready')}`)).status, 503);
	// Who asks it all the same is answered.
	assert.equal(await ask(second), 200);
	const learned = await teach(first, made.store);
	await kill(first);
	await until('the second to be ready', () => isReady(second));
	assert.ok((await answered(second)) > learned * 0.9, 'what the first learned is known as soon as it is ready');
	// One that ends in order lets go at once, too.
	const third = await made.start();
	await second.stop();
	await until('the third to be ready', () => isReady(third));
});

test('PostgreSQL restarts: nobody is ready meanwhile, jobs go on, and one is ready afterwards', async (t) => {
	const made = await bed(t);
	if (!made) return;
	const pair = [await made.start(), await made.start()];
	await until('one to be ready', () => isReady(pair[0]));
	await made.store.stop();
	await until('none to be ready', async () => !(await isReady(pair[0])) && !(await isReady(pair[1])));
	const { why } = await ready(pair[0]);
	assert.match(
		why,
		/^stands by; who serves: nobody as far as is known: postgres:\/\/127\.0\.0\.1:\d+\/postgres does not answer: /,
	);
	for (const sidecar of pair) assert.equal(await ask(sidecar), 200);
	await made.store.begin();
	await until('one to be ready again', async () => (await isReady(pair[0])) || (await isReady(pair[1])));
	// The other has asked by then, too.
	await until('the other to know', async () => {
		const told = await Promise.all(pair.map(ready));
		return told.filter(({ why }) => /serves: smart-ai serve, process \d+/.test(why)).length === 1;
	});
	const told = await Promise.all(pair.map(ready));
	assert.deepEqual(told.map(({ status }) => status).sort(), [200, 503]);
});

test('both die: a new one is ready with what was learned', async (t) => {
	const made = await bed(t);
	if (!made) return;
	const pair = [await made.start(), await made.start()];
	await until('one to be ready', () => isReady(pair[0]));
	const learned = await teach(pair[0], made.store);
	await Promise.all(pair.map(kill));
	const next = await made.start();
	await until('the next to be ready', () => isReady(next));
	assert.ok((await answered(next)) > learned * 0.9);
});

test('on two machines one manages what models are in memory, and the other names it and takes over', async (t) => {
	const made = await bed(t);
	if (!made) return;
	const file = path.join(scratchFolder('lifecycle'), 'smart-ai.toml');
	writeFileSync(file, '[[hosts]]\nurl = "http://127.0.0.1:1"\n[lifecycle]\nmode = "on"\n');
	// A folder for temporary files of its own is what keeps two machines apart.
	const machine = () => made.start(['--config', file], { TMPDIR: scratchFolder('machine') });
	const standby = async ({ proxy }) => (await (await fetch(`${proxy}/smart-ai/lifecycle`)).json()).standby;
	const first = await machine();
	await until('the first to act', async () => (await standby(first)) === null);
	const second = await machine();
	await until('the second to stand by', async () => /process/.test((await standby(second)) ?? ''));
	assert.ok((await standby(second)).startsWith(`smart-ai serve, process ${first.pid}, `));
	const { stdout } = await run(made.program('smart-ai'), ['lifecycle', 'status', '--sidecar', second.proxy]);
	assert.match(
		stdout,
		/^lifecycle on; this sidecar stands by, who acts: smart-ai serve, process \d+, proxy \S+ \(127\.0\.0\.1\); /,
	);
	// Without --standby either is ready: only the acting is shared out.
	assert.ok((await isReady(first)) && (await isReady(second)));
	await kill(first);
	await until('the second to act', async () => (await standby(second)) === null);
});

test('without a history that can be shared it says so and does not start', async () => {
	const program = build();
	const args = [
		'serve',
		'--standby',
		'--host',
		'http://127.0.0.1:1',
		'--metrics',
		'127.0.0.1:0',
		'--proxy',
		'127.0.0.1:0',
	];
	for (const more of [[], ['--history', path.join(scratchFolder('history'), 'history.db')]]) {
		const { code } = await run(program('smart-ai'), [...args, ...more], { anyCode: true });
		assert.equal(code, 2);
	}
});
