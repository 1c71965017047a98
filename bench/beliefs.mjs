// What Smart AI believes of hosts that nobody described, after 50 answers, beside what is true:
// `node bench/run.mjs beliefs`. PROFILE=debug measures a debug build.
import { max, min } from 'd3-array';
import { build, contender, DEVICES, draw, FORMS, LOADS, MEMORY_GB, MODELS, play, SPEEDS, smart } from './live.mjs';
import { table } from './table.mjs';

const ANSWERS = 50;
const RATES = 0.25;
const MEMORY = 0.2;

export const title = 'Beliefs against truth';
export const about = `A program that has just begun, told nothing but the URLs of three simulated hosts (speeds
${SPEEDS.join(', ')}; ${MEMORY_GB} GB, which do not hold all three models), after ${ANSWERS} answers to named
models at medium load, over each API. Ratios are what is believed ÷ what is true, least and most of the models that a
host has answered with; goals: rates within ${100 * RATES} %, memory within ${100 * MEMORY} %, slots and machines
right. A host that has not been asked for a third model was never seen full: its memory is what is usual of its kind,
in brackets.`;

export async function run() {
	build();
	const cells = Object.keys(DEVICES).flatMap((device) => Object.keys(FORMS).map((path) => ({ device, path })));
	const rows = (await Promise.all(cells.map(cell))).flat();
	const range = (field) => (row) => {
		const ratios = row.models.map((model) => model[field]);
		return ratios.length === 0 ? '' : `${min(ratios).toFixed(2)} to ${max(ratios).toFixed(2)}`;
	};
	const right = (of) => `${rows.flatMap(of).filter(Boolean).length} of ${rows.flatMap(of).length}`;
	const within = (field) => (row) => row.models.map((model) => Math.abs(model[field] - 1) <= RATES);
	const summary = table(
		[
			['what', 'what'],
			['right', 'right'],
		],
		[
			{ what: `writing, within ${100 * RATES} %`, right: right(within('decode')) },
			{ what: `reading, within ${100 * RATES} %`, right: right(within('prefill')) },
			{ what: `memory of hosts that were full, within ${100 * MEMORY} %`, right: right(memory) },
			{ what: 'slots of hosts that were sent two at a time', right: right(slots) },
			{ what: 'machines', right: right(({ together }) => together.length === 0) },
		],
	);
	const columns = [
		['hosts', 'device'],
		['path', 'path'],
		['host', 'host'],
		['answers', 'answers'],
		['writing', range('decode')],
		['reading', range('prefill')],
		['memory (GB)', ({ full, memory_gb }) => (full ? memory_gb.toFixed(1) : `(${memory_gb.toFixed(1)})`)],
		['slots', ({ parallel, device }) => `${parallel} of ${DEVICES[device].parallel}`],
		['on the machine of', ({ together }) => together.join(', ')],
	];
	return [summary, table(columns, rows)].join('\n\n');
}

const memory = ({ full, memory_gb }) => (full ? [Math.abs(memory_gb / MEMORY_GB - 1) <= MEMORY] : []);
const slots = ({ parallel, device, answers }) => (answers > 5 ? [parallel === DEVICES[device].parallel] : []);

async function cell({ device, path }) {
	const arrivals = draw(0, LOADS.medium, device).slice(0, ANSWERS);
	const side = await contender(smart, device);
	try {
		await play(side, path, arrivals);
		const { hosts } = await (await fetch(`${side.url}/smart-ai/snapshot`)).json();
		return hosts.map((host, at) => belief({ device, path, host, speed: SPEEDS[at] }));
	} finally {
		await side.stop();
	}
}

function belief({ device, path, host, speed }) {
	const models = MODELS.flatMap((truth) => {
		const model = host.models.find(({ model }) => model.startsWith(truth.name));
		if (!model || model.reliability.successes === 0) return [];
		const decode = model.decode_tok_per_s / truth.decode_tok_per_s / speed;
		return [{ decode, prefill: model.prefill_tok_per_s / truth.prefill_tok_per_s / speed }];
	});
	const answers = host.models.reduce((sum, model) => sum + model.reliability.successes, 0);
	return {
		device,
		path,
		host: host.host,
		answers: Math.round(answers),
		models,
		full: models.length === MODELS.length,
		memory_gb: host.memory_bytes / 1e9,
		parallel: host.parallel,
		together: host.shares_machine_with ?? [],
	};
}
