// Measures, prints and writes down: `npm run bench`, or `node bench/run.mjs decide simulate` for some. Tables go to
// bench/results.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

const all = [
	'decide',
	'crossing',
	'latency',
	'simulate',
	'blind',
	'ablation',
	'serial',
	'signals',
	'calibration',
	'faults',
	'faults-litellm',
	'proxy',
	'live',
	'live-real',
	'beliefs',
	'auto',
	'weeks',
	'hour',
	'lifecycle',
	'history',
	'scrape',
	'endurance',
	'conversations',
	'queue',
	'n8n',
	'n8n-memory',
];
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length > 0) {
	console.error(`no measurement is called ${unknown.join(', ')}; there are ${all.join(', ')}`);
	process.exit(2);
}
for (const name of wanted.length > 0 ? wanted : all) {
	const { title, about, run } = await import(`./${name}.mjs`);
	const machine = `${cpus().length} × ${cpus()[0].model}, Node ${process.versions.node}`;
	const text =
		`# ${title}\n\n${about}\n\n${await run()}\n\nMade by \`node bench/run.mjs ${name}\` on ${machine}. Read ratios, ` +
		`not times.\n`;
	writeFileSync(new URL(`results/${name}.md`, import.meta.url), text);
	console.log(text);
}
