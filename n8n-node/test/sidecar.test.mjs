import assert from 'node:assert/strict';
import { test } from 'node:test';

import sidecarModule from '../dist-test/engine/sidecar.js';
import sidecarsModule from '../dist-test/engine/sidecars.js';

const { sidecarEngine } = sidecarModule;
const { Sidecars } = sidecarsModule;
const A = 'http://a:11435';
const B = 'http://b:11435';
const answer = (text) => ({ ok: true, text, error: null, model: 'm', host: 'pc' });
const said = (...told) => told.map((line) => `${JSON.stringify(line)}\n`);

/** A body as n8n's client hands it out: pieces of bytes, and then what `last` does. */
function body(texts, last = () => {}) {
	return {
		destroyed: false,
		destroy() {
			this.destroyed = true;
		},
		async *[Symbol.asyncIterator]() {
			for (const text of texts) yield new TextEncoder().encode(text);
			await last();
		},
	};
}

/** n8n's client before these sidecars: what each answers to a path is `[status, body]`; one that is away refuses. */
function client(servers) {
	const asked = [];
	const send = async ({ url, ...options }) => {
		const { origin, pathname, search } = new URL(url);
		asked.push(`${origin}${pathname}${search}`);
		const server = servers[origin];
		if (!server) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
		if (pathname === '/smart-ai/ready' && !server[pathname]) return { statusCode: 200, body: { ok: true } };
		const [statusCode, told] = await server[pathname](options);
		return { statusCode, body: told };
	};
	return { asked, send };
}

const own = (text = 'own') => ({ name: 'wasm', ask: async () => ({ ...answer(text), engine: 'wasm' }) });

test('a sidecar that is ready answers, piece by piece where the caller wants it', async () => {
	const { asked, send } = client({
		[A]: {
			'/smart-ai/ask': async () => [200, body(said({}, { text: 'He' }, { text: 'llo' }, { answer: answer('Hello') }))],
		},
	});
	const engine = sidecarEngine(new Sidecars([A], () => 0), send, async () => assert.fail('no need'));
	const pieces = [];
	const { text, engine: by } = await engine.ask({ prompt: 'x' }, { onText: (piece) => pieces.push(piece) });
	assert.deepEqual([text, by, pieces], ['Hello', 'sidecar', ['He', 'llo']]);
	await engine.ask({ prompt: 'x' });
	assert.deepEqual(asked, [`${A}/smart-ai/ready`, `${A}/smart-ai/ask?stream=text`, `${A}/smart-ai/ask?stream=answer`]);
});

test('where the sidecar is away, the own engine answers and says so; later it is tried again', async () => {
	let now = 0;
	const servers = {};
	const { asked, send } = client(servers);
	const engine = sidecarEngine(new Sidecars([A], () => now), send, async () => own());
	const first = await engine.ask({ prompt: 'x' });
	assert.deepEqual([first.text, first.engine], ['own', 'wasm']);
	assert.match(first.detour, /the sidecar http:\/\/a:11435 does not answer \(connect ECONNREFUSED\)/);
	servers[A] = { '/smart-ai/ask': async () => [200, body(said({ answer: answer('back') }))] };
	now = 29_000;
	assert.equal((await engine.ask({ prompt: 'x' })).text, 'own');
	assert.equal(asked.length, 1);
	now = 30_000;
	const back = await engine.ask({ prompt: 'x' });
	assert.deepEqual([back.text, back.detour], ['back', undefined]);
});

test('a sidecar that is lost before its first word is passed over; after it, the answer ends there', async () => {
	const lost = () => {
		throw new Error('socket hang up');
	};
	for (const [told, text, ok] of [
		[said({}), 'own', true],
		[said({ text: 'Once' }), 'Once', false],
	]) {
		const { send } = client({ [A]: { '/smart-ai/ask': async () => [200, body(told, lost)] } });
		const engine = sidecarEngine(new Sidecars([A], () => 0), send, async () => own());
		const came = await engine.ask({ prompt: 'x' }, { onText: () => {} });
		assert.deepEqual([came.text, came.ok], [text, ok]);
		if (!ok) assert.match(came.error.message, /broke off: the sidecar http:\/\/a:11435 was lost \(socket hang up\)/);
	}
});

test('of several sidecars the first that is ready is asked, and the next where it is lost', async () => {
	let now = 0;
	const waits = { '/smart-ai/ready': async () => [503, { ok: false, waits: true }] };
	const works = { '/smart-ai/ask': async () => [200, body(said({ answer: answer('B') }))] };
	const servers = { [A]: waits, [B]: works };
	const { send } = client(servers);
	const engine = sidecarEngine(new Sidecars([A, B], () => now), send, async () => own());
	assert.equal((await engine.ask({ prompt: 'x' })).text, 'B');
	delete servers[B];
	servers[A] = { '/smart-ai/ask': async () => [200, body(said({ answer: answer('A') }))] };
	now = 3_000;
	assert.equal((await engine.ask({ prompt: 'x' })).text, 'A');
});

test('what is wrong with an ask is its answer; a refused key or too much at once is not', async () => {
	const wrong = { code: 'invalid_request', message: 'empty', hint: 'Write one.' };
	for (const [status, told, text, detour] of [
		[400, { error: wrong }, '', undefined],
		[401, { error: 'no key' }, 'own', /refuses the key of the credential \(401\)/],
		[503, { error: { code: 'overloaded' } }, 'own', /refused with status 503/],
		[200, '<html>', 'own', /was lost/],
	]) {
		const lines = typeof told === 'string' ? [`${told}\n`] : [JSON.stringify(told)];
		const { send } = client({ [A]: { '/smart-ai/ask': async () => [status, body(lines)] } });
		const came = await sidecarEngine(new Sidecars([A], () => 0), send, async () => own()).ask({ prompt: '' });
		assert.equal(came.text, text, String(status));
		if (detour) assert.match(came.detour, detour);
		else assert.deepEqual(came.error, wrong);
	}
});

test('a caller that leaves ends the connection, before the first byte and after it', async () => {
	const open = body(said({}), () => new Promise(() => {}));
	let reached;
	const coming = new Promise((resolve) => {
		reached = resolve;
	});
	let give;
	const late = new Promise((resolve) => {
		give = resolve;
	});
	const answers = [
		async () => {
			reached();
			return [200, open];
		},
		async () => await late,
	];
	const { send } = client({ [A]: { '/smart-ai/ask': async () => await answers.shift()() } });
	const engine = sidecarEngine(new Sidecars([A], () => 0), send);
	const leaving = new AbortController();
	const asked = engine.ask({ prompt: 'x' }, { signal: leaving.signal });
	await coming;
	leaving.abort();
	assert.equal((await asked).error.code, 'cancelled');
	assert.equal(open.destroyed, true);

	const before = await engine.ask({ prompt: 'x' }, { signal: AbortSignal.abort() });
	assert.equal(before.error.code, 'cancelled');
	const unread = body([]);
	give([200, unread]);
	await new Promise(setImmediate);
	assert.equal(unread.destroyed, true);
});

test('without an engine of its own an ask fails with what to do; other questions throw it', async () => {
	const { send } = client({});
	const engine = sidecarEngine(new Sidecars([A], () => 0), send);
	const { ok, error } = await engine.ask({ prompt: 'x' });
	assert.deepEqual([ok, error.code], [false, 'sidecar_away']);
	assert.match(error.hint, /Engine to Auto/);
	await assert.rejects(engine.decide({ prompt: 'x' }), /No sidecar serves: the sidecar http:\/\/a:11435/);
});

test('decisions, judgements and hosts come from the sidecar, else from the own engine', async () => {
	const judged = [];
	const servers = {
		[A]: {
			'/smart-ai/decide': async ({ body: asked }) => [200, { reason: `of ${JSON.parse(asked).prompt}` }],
			'/smart-ai/feedback': async ({ body: told }) => [200, judged.push(JSON.parse(told))],
			'/smart-ai/snapshot': async () => [200, { hosts: [{ host: 'pc' }] }],
		},
	};
	const { send } = client(servers);
	let now = 0;
	const mine = {
		decide: async () => ({ reason: 'own' }),
		feedback: async () => judged.push('own'),
		models: async () => [],
	};
	const engine = sidecarEngine(new Sidecars([A], () => now), send, async () => mine);
	const ask = async () => {
		await engine.feedback({ model: 'm', thumbs: 'up' });
		return [(await engine.decide({ prompt: 'x' })).reason, (await engine.models()).length];
	};
	assert.deepEqual(await ask(), ['of x', 1]);
	delete servers[A];
	now = 60_000;
	assert.deepEqual(await ask(), ['own', 0]);
	assert.deepEqual(judged, [{ model: 'm', thumbs: 'up' }, 'own']);
});
