// What the modes are worth on answers that can be checked: real Ollama servers, real small models.
// `node bench/run.mjs auto`
import path from 'node:path';
import { target } from '../paths.mjs';
import { stopAll } from '../tests/e2e/bed/index.mjs';
import { contender, options } from './auto/contender.mjs';
import { isRight, items } from './auto/items.mjs';
import { cargo } from './cargo.mjs';
import { startFleet } from './real/fleet.mjs';
import { group, mean, quantile } from './statistics.mjs';
import { table } from './table.mjs';

export const title = 'fast, balanced and best on answers that can be checked';
export const about =
	'Two real Ollama 0.24 servers, one core each, all models in memory. Sixty tasks with one right answer (sums, ' +
	'e-mail addresses, reviews, small JSON, dates), made for this, greedy, at most 20 tokens, told to nobody: Smart AI ' +
	'knows the URLs, and takes the task from the text. Three are under way at a time; rows take turns in blocks of ' +
	'ten. *Fresh*: thirty tasks on a process that has seen nothing. *Rated*: the ' +
	'same thirty after the other thirty got a thumb each, up where the answer was right, as a user gives it. SmolLM2 ' +
	'135M and Gemma 3 270M are real; the 1B of random weights stands for a larger model that is no good.';

/** Requests under way at a time: one more than servers, so that some choose between waiting and another model. */
const WIDTH = 3;
const BLOCK = 10;
const MODES = ['fast', 'balanced', 'best'];

/** Items of every kind in turn, so that each block holds all. */
function inTurns(chosen) {
	const kinds = [...group(chosen, ({ kind }) => kind).values()];
	return kinds[0].flatMap((_, place) => kinds.map((kind) => kind[place]));
}

/** One contender answers one block, a few at a time. */
async function play(who, block) {
	const rows = [];
	const left = [...block];
	const one = async () => {
		for (let item = left.shift(); item; item = left.shift()) {
			const began = performance.now();
			const result = await who.answer(item.prompt);
			const seconds = (performance.now() - began) / 1000;
			const { kind } = item;
			if (!result.ok) process.stderr.write(`${who.name}: ${kind}: ${result.error?.message}\n`);
			rows.push({ kind, seconds, right: result.ok && isRight(item, result.text), model: result.model, result });
		}
	};
	await Promise.all(Array.from({ length: WIDTH }, one));
	return rows;
}

/** Every contender answers all items, in turns; the rows of each. */
async function pass(contenders, chosen, { rated = false } = {}) {
	const rows = new Map(contenders.map((who) => [who, []]));
	for (let from = 0; from < chosen.length; from += BLOCK) {
		for (let turn = 0; turn < contenders.length; turn += 1) {
			const who = contenders[(turn + from / BLOCK) % contenders.length];
			const block = await play(who, chosen.slice(from, from + BLOCK));
			for (const { result, right } of rated ? block : []) who.rate(result, right);
			rows.get(who).push(...block);
		}
	}
	return rows;
}

const percent = (share) => `${Math.round(share * 100)} %`;

/** Which models answered, by share: `gemma3 80, smollm2 20`. */
function shares(rows) {
	const counts = [...group(rows, ({ model }) => model)].map(([model, of]) => [model, of.length]);
	const parts = counts.sort((one, other) => other[1] - one[1]);
	return parts.map(([model, count]) => `${model.split(':')[0]} ${Math.round((count / rows.length) * 100)}`).join(', ');
}

function line(name, when, rows) {
	const seconds = rows.map((row) => row.seconds);
	const right = mean(rows.map((row) => Number(row.right)));
	const kinds = [...group(rows, ({ kind }) => kind)];
	const each = Object.fromEntries(kinds.map(([kind, of]) => [kind, of.filter((row) => row.right).length]));
	return { name, when, right, mean: mean(seconds), p95: quantile(seconds, 0.95), ...each, shares: shares(rows) };
}

async function measure(program, hosts, fixed) {
	const contenders = MODES.map((mode) => contender(mode, program, hosts, { mode }));
	for (const model of fixed) contenders.push(contender(`only ${model}`, program, hosts, { models: [model] }));
	const lines = [];
	try {
		const measured = inTurns(items.filter(({ isMeasured }) => isMeasured));
		const others = inTurns(items.filter(({ isMeasured }) => !isMeasured));
		const fresh = await pass(contenders, measured);
		const modes = contenders.slice(0, MODES.length);
		await pass(modes, others, { rated: true });
		const after = await pass(modes, measured);
		for (const who of contenders) lines.push(line(who.name, 'fresh', fresh.get(who)));
		for (const who of modes) lines.push(line(who.name, 'rated', after.get(who)));
	} finally {
		await Promise.all(contenders.map((who) => who.close()));
	}
	return table(
		[
			['mode', 'name'],
			['', 'when'],
			['right', ({ right }) => percent(right)],
			['mean s', (row) => row.mean.toFixed(2)],
			['p95 s', (row) => row.p95.toFixed(2)],
			...['arithmetic', 'extraction', 'classification', 'json', 'dates'].map((kind) => [`${kind} of 6`, kind]),
			['answered by, %', 'shares'],
		],
		lines,
	);
}

async function post(host, at, body, method = 'POST') {
	const response = await fetch(`${host.url}${at}`, { method, body: JSON.stringify(body) });
	const text = await response.text();
	if (!response.ok) throw new Error(`${host.name} ${at}: ${response.status} ${text}`);
}

/** Takes every other model from the servers' folder, and has each server load those that stay. */
async function keepOnly(hosts, wanted) {
	const { models } = await (await fetch(`${hosts[0].url}/api/tags`)).json();
	for (const { name } of models)
		if (!wanted.includes(name)) await post(hosts[0], '/api/delete', { model: name }, 'DELETE');
	for (const host of hosts)
		for (const model of wanted) await post(host, '/api/generate', { model, options, keep_alive: '1h', stream: false });
}

/** All rows on servers of their own that have these of the fleet's models. */
async function onServers(program, chosen, fixed) {
	const { hosts, models } = await startFleet({ maxLoaded: 3 });
	const names = (sizes) => sizes.map((size) => models[size]);
	try {
		await keepOnly(hosts, names(chosen));
		return await measure(program, hosts, names(fixed));
	} finally {
		await Promise.all(hosts.map((host) => host.stop()));
	}
}

export async function run() {
	const program = process.env.SMART_AI ?? path.join(target, 'release', 'smart-ai');
	if (!process.env.SMART_AI) cargo('build', '--release', '--quiet', '-p', 'smart-ai');
	try {
		const two = await onServers(program, ['small', 'large'], ['small', 'large']);
		process.stderr.write(`${two}\n`);
		const three = await onServers(program, ['small', 'large', 'draft'], []);
		return `## Two models\n\n${two}\n\n## The same and a larger one that is no good\n\n${three}`;
	} finally {
		await stopAll();
	}
}
