// What was learned is never lost: two fleets on one PostgreSQL, a store that is away at the start or slow, a host
// that is off at a restart.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../bed/index.mjs';
import { build, startHost, startSidecar } from '../serve/sidecar.mjs';
import { slowLine } from './slow-line.mjs';
import { ask, select, stores } from './store.mjs';

const MODEL = { models: [{ name: 'm' }] };
const JOBS = 5;
// Half of what was seen fades in ten minutes of newer calls: a busy machine loses some.
const almost = (count) => count * 0.9;

async function asks(sidecar, count) {
	for (let job = 0; job < count; job += 1) assert.equal(await ask(sidecar), 200);
}

/** Calls answered by an arm, as the store has learned; newer ones count a little more than older ones. */
async function learned(store, host, model = 'm:latest') {
	const subject = JSON.stringify({ kind: 'arm', host, model });
	const sql = `SELECT detail::jsonb->'calls'->'calls'->>'successes' FROM estimates WHERE subject = '${subject}'`;
	const found = await select(store, sql);
	assert.equal(found?.length, 1, 'psql, and a row of the arm');
	return Number(found[0]);
}

/** A server, and a program to ask it with; null where there is none. */
async function bed(t) {
	const store = await stores.PostgreSQL(t);
	if (!store) return null;
	t.after(store.remove);
	const program = build();
	const host = await startHost(program, MODEL);
	t.after(host.stop);
	const start = async (url = store.url, hosts = { pc: host.url }) => {
		const sidecar = await startSidecar(program, hosts, ['--history', url]);
		t.after(sidecar.stop);
		return sidecar;
	};
	return { store, program, host, start };
}

/** What a running program believes of the arm: calls answered. */
async function believed(sidecar) {
	const snapshot = await (await fetch(`${sidecar.proxy}/smart-ai/snapshot`)).json();
	return snapshot.hosts[0].models[0]?.reliability.successes ?? 0;
}

test('two fleets at once: what both learn of one host is added, what one learns of another is kept', async (t) => {
	const made = await bed(t);
	if (!made) return;
	const { store, program, host, start } = made;
	const other = await startHost(program, MODEL);
	t.after(other.stop);
	const fleets = [await start(), await start(), await start(store.url, { nas: other.url })];
	await Promise.all(fleets.map((fleet) => asks(fleet, JOBS)));
	await Promise.all(fleets.map((fleet) => fleet.stop()));
	assert.ok((await learned(store, 'pc')) > almost(2 * JOBS), 'one fleet erased what the other learned');
	assert.ok((await learned(store, 'nas')) > almost(JOBS));
	// Both go on from all of it.
	const again = await start();
	await until('a look', async () => (await believed(again)) > almost(2 * JOBS));
	host.stop();
});

test('away at the start: jobs go on, and the old knowledge is taken back when the store returns', async (t) => {
	const made = await bed(t);
	if (!made) return;
	const { store, start } = made;
	const first = await start();
	await asks(first, JOBS);
	await first.stop();
	const before = await learned(store, 'pc');
	await store.stop();
	const second = await start();
	assert.match(second.log(), /history: .* cannot be opened: .*jobs go on/);
	await asks(second, JOBS);
	assert.ok((await believed(second)) < JOBS + 1);
	await store.begin();
	await until('the old knowledge', async () => (await believed(second)) > almost(2 * JOBS), { deadlineMs: 60_000 });
	await asks(second, 1);
	await until('every row', async () => (await second.scrape()).sum('dispatcher_history_rows_total') === JOBS + 1, {
		deadlineMs: 60_000,
	});
	await second.stop();
	const after = await learned(store, 'pc');
	assert.ok(
		before > almost(JOBS) && after > almost(2 * JOBS + 1) && after < 2 * JOBS + 1.1,
		`${before}, then ${after}`,
	);
});

test('slow: every row and all that was learned is kept, at 200 ms a round trip', async (t) => {
	const made = await bed(t);
	if (!made) return;
	const { store, start } = made;
	const first = await start();
	await asks(first, JOBS);
	await first.stop();
	const url = new URL(store.url);
	const line = await slowLine(Number(url.port), 100);
	t.after(line.end);
	url.port = line.port;
	const second = await start(url.href);
	await asks(second, JOBS);
	await until('every row', async () => (await second.scrape()).sum('dispatcher_history_rows_total') === JOBS, {
		deadlineMs: 60_000,
	});
	await until('the old knowledge', async () => (await believed(second)) > almost(2 * JOBS), { deadlineMs: 60_000 });
	await second.stop();
	const after = await learned(store, 'pc');
	assert.ok(after > almost(2 * JOBS) && after < 2 * JOBS + 0.1, `${after}`);
});

test('a host that is off at a restart keeps what was learned of its models', async (t) => {
	const made = await bed(t);
	if (!made) return;
	const { store, program, host, start } = made;
	const nas = await startHost(program, { models: [{ name: 'n' }] });
	const hosts = { pc: host.url, nas: nas.url };
	const first = await start(store.url, hosts);
	const body = JSON.stringify({ model: 'n', prompt: 'hello', stream: false });
	assert.equal((await fetch(`${first.proxy}/api/generate`, { method: 'POST', body })).status, 200);
	await asks(first, 1);
	await first.stop();
	const before = await learned(store, 'nas', 'n:latest');
	await nas.stop();
	const second = await start(store.url, hosts);
	await asks(second, 1);
	await second.stop();
	assert.equal(await learned(store, 'nas', 'n:latest'), before);
});

test('one fleet learns from another while both run', async (t) => {
	const made = await bed(t);
	if (!made) return;
	const [one, other] = [await made.start(), await made.start()];
	await asks(one, JOBS);
	await until('what the other learned', async () => (await believed(other)) > almost(JOBS), { deadlineMs: 60_000 });
	await Promise.all([asks(one, JOBS), asks(other, JOBS)]);
	for (const fleet of [one, other]) {
		await until('the sum', async () => (await believed(fleet)) > almost(3 * JOBS), { deadlineMs: 60_000 });
	}
	await Promise.all([one.stop(), other.stop()]);
	const sum = await learned(made.store, 'pc');
	assert.ok(sum > almost(3 * JOBS) && sum < 3 * JOBS + 0.1, `${sum}: each call counts once`);
});

test('restarted under load: every job is answered, every row is written, and each call counts once', async (t) => {
	const made = await bed(t);
	if (!made) return;
	const { store, start } = made;
	const sidecar = await start();
	let [jobs, goOn] = [0, true];
	const load = (async () => {
		for (; goOn; jobs += 1) assert.equal(await ask(sidecar), 200);
	})();
	const up = () => sidecar.scrape().then((scrape) => scrape.sum('dispatcher_history_up'));
	const rows = () => sidecar.scrape().then((scrape) => scrape.sum('dispatcher_history_rows_total'));
	await until('rows', async () => (await rows()) > 0);
	for (let restart = 0; restart < 2; restart += 1) {
		await store.stop();
		await until('its absence to be noticed', async () => (await up()) === 0, { deadlineMs: 60_000 });
		await store.begin();
		await until('its return to be noticed', async () => (await up()) === 1, { deadlineMs: 60_000 });
	}
	goOn = false;
	await load;
	await until('every row', async () => (await rows()) === jobs, { deadlineMs: 60_000 });
	await sidecar.stop();
	const [kept] = await select(store, 'SELECT count(*) FROM jobs');
	assert.equal(Number(kept), jobs);
	const calls = await learned(store, 'pc');
	assert.ok(calls > jobs * 0.8 && calls < jobs + 0.1, `${calls} of ${jobs}`);
});
