// One row of the matrix on one driver: a fresh dispatcher on a fleet in health, the fault, one job.
import { MODEL, startMetrics, startSecure } from './fleet.mjs';

/** Short phases, so that a hang costs no half minute. */
const PATIENCE = { first_token_timeout_ms: 400, stall_timeout_ms: 400, connect_timeout_ms: 1_000 };

/** The answer, the texts handed out, and the milliseconds from asking to the end. */
export async function trial(create, fleet, row) {
	await fleet.whole();
	if (row.cold) await Promise.all([fleet.a, fleet.b].map((host) => host.unload(MODEL)));
	await fault(fleet, row.before);
	const metrics = row.metrics && (await startMetrics(row.metrics));
	const secure = row.certificate && (await startSecure(row.certificate));
	const urls = { a: secure?.url, ...row.url };
	const hosts = ['a', 'b'].map((id) => host(fleet, urls, id));
	const ai = await create({ ...PATIENCE, ...row.config, ...prometheus(row, metrics), hosts });
	const texts = [];
	const options = row.streaming ? { onText: (text) => texts.push(text) } : {};
	const ask = (more) => ai.ask({ prompt: 'Say hello.', ...more }, options);
	try {
		// A dry run waits for the hosts to be looked at.
		if (row.fault || row.healed) await ai.decide({ prompt: 'Say hello.' });
		await fault(fleet, row.fault);
		if (row.healed) {
			if ((await ask()).ok) throw new Error('answered in spite of the fault');
			await fleet.whole();
		}
		if (row.canary) await recovery(fleet, ask);
		const began = performance.now();
		let answer = await ask(row.canary && { host: 'a' });
		while (row.healed && !answer.ok) answer = await ask();
		const ms = performance.now() - began;
		if (secure?.asked()) throw new Error('a request went to a server whose certificate is not right');
		return { answer, texts, ms };
	} finally {
		ai.close();
		await metrics?.stop();
		await secure?.stop();
	}
}

/** The fault costs the first job a call; then it ends, and jobs go on to `b` until `a` has been asked for a token. */
async function recovery(fleet, ask) {
	await ask();
	await fleet.a.heal();
	const told = async () => (await fleet.a.stats()).models[MODEL];
	const before = await told();
	let now = before;
	while (now.requests === before.requests || now.in_flight > 0) {
		const between = attemptsOf(await ask()).join();
		if (between !== 'b ok') throw new Error(`it cost a job a call: ${between}`);
		now = await told();
	}
	if (now.requests !== before.requests + 1 || now.output_tokens > before.output_tokens + 1)
		throw new Error('more than a token was asked for');
}

const fault = (fleet, faults = {}) => Promise.all(Object.entries(faults).map(([id, fault]) => fleet[id].fault(fault)));

function host(fleet, urls, id) {
	const url = urls[id] ?? fleet[id].url;
	return { id, instance: `${id}:1`, url: typeof url === 'function' ? url(fleet[id].url) : url };
}

function prometheus(row, metrics) {
	if (row.metrics === undefined) return {};
	return { prometheus: { url: metrics?.url ?? 'http://127.0.0.1:1' } };
}

/** Host and outcome of each call; the host is `?` where the row leaves it open. */
export const attemptsOf = (answer, row) =>
	answer.attempts.map(({ host, outcome }, at) => `${row?.attempts[at]?.startsWith('?') ? '?' : host} ${outcome}`);
