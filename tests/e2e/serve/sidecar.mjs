// Simulated hosts and a sidecar before them.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { root, target } from '../../../paths.mjs';
import { launch, scratchFolder } from '../bed/index.mjs';

const env = { ...process.env, CARGO_TARGET_DIR: target };

/** The line of JSON a program prints when it is ready. */
const readyLine = (server) => JSON.parse(server.lines.find((line) => line.startsWith('{')));

const built = new Set();

/** Builds both programs, once; `profile` is debug or release. */
export function build(profile = 'debug') {
	const at = (name) => path.join(target, profile, name);
	if (built.has(profile)) return at;
	const flags = profile === 'release' ? ['--release'] : [];
	const { status } = spawnSync(
		'cargo',
		['build', '--locked', '--quiet', ...flags, '-p', 'smart-ai', '-p', 'smart-ai-sim'],
		{
			cwd: root,
			env,
			stdio: 'inherit',
		},
	);
	if (status !== 0) throw new Error('the programs do not build');
	built.add(profile);
	return at;
}

/** A simulated host; `stats` are its own counts, `fault` and `heal` change what is wrong with it. */
export async function startHost(program, config) {
	const file = path.join(scratchFolder('host'), 'host.json');
	writeFileSync(file, JSON.stringify(config));
	const server = await launch({
		name: 'fake-ollama',
		command: program('fake-ollama'),
		args: ['--config', file],
		ready: /"control_url"/,
	});
	const { url, control_url } = readyLine(server);
	const control = async (what, options) => (await fetch(`${control_url}/control/${what}`, options)).json();
	return {
		url,
		stats: () => control('stats'),
		fault: (fault) => control('faults', { method: 'POST', body: JSON.stringify(fault) }),
		heal: () => control('faults', { method: 'DELETE' }),
		stop: server.stop,
	};
}

/** A simulated host that works at this speed, with a small and a large model. */
export function startHostOfSpeed(program, speed) {
	const model = (name, size_gb, decode) => ({
		name,
		size_gb,
		memory_gb: size_gb,
		prefill_tok_per_s: decode * 20 * speed,
		decode_tok_per_s: decode * speed,
		load_s: 0.5,
	});
	return startHost(program, { memory_gb: 32, models: [model('small:1b', 1, 300), model('large:7b', 5, 150)] });
}

/**
 * A sidecar before these hosts, `{ name: url }`; its metrics are read by `scrape`. It looks at each every `poll_s`
 * seconds; `variables` are added to its environment.
 */
export async function startSidecar(program, hosts, flags = [], poll_s = 0.2, variables = {}) {
	const named = Object.entries(hosts).flatMap(([name, url]) => ['--host', `${name}=${url}`]);
	const args = [
		'serve',
		...named,
		'--metrics',
		'127.0.0.1:0',
		...(flags.includes('--proxy') ? [] : ['--proxy', '127.0.0.1:0']),
		'--poll',
		String(poll_s),
		'--json',
		...flags,
	];
	const server = await launch({
		name: 'smart-ai serve',
		command: program('smart-ai'),
		args,
		env: { ...process.env, ...variables },
		cwd: scratchFolder('sidecar'),
		ready: /"proxy"/,
	});
	const { metrics, proxy, pid } = readyLine(server);
	return {
		metrics,
		proxy,
		pid,
		scrape: () => scrape(metrics),
		log: server.log,
		stop: server.stop,
		ended: server.ended,
	};
}

/** What a scrape shows: `samples` of name, labels and value; `types` and `units` by family; `text`. */
export async function scrape(url) {
	const response = await fetch(url, { headers: { accept: 'application/openmetrics-text; version=1.0.0' } });
	const text = await response.text();
	const [types, units] = [new Map(), new Map()];
	const samples = [];
	for (const line of text.split('\n')) {
		const type = /^# TYPE (\S+) (\S+)$/.exec(line);
		if (type) types.set(type[1], type[2]);
		const unit = /^# UNIT (\S+) (\S+)$/.exec(line);
		if (unit) units.set(unit[1], unit[2]);
		if (line === '' || line.startsWith('#')) continue;
		const [, name, inner, value] = /^([^{ ]+)(?:\{(.*)\})? (\S+)$/.exec(line);
		const labels = Object.fromEntries(
			[...(inner ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]),
		);
		samples.push({ name, labels, value: Number(value) });
	}
	const sum = (name, wanted = {}) =>
		samples
			.filter(
				(sample) =>
					sample.name === name && Object.entries(wanted).every(([key, value]) => sample.labels[key] === value),
			)
			.reduce((total, { value }) => total + value, 0);
	return { text, types, units, samples, sum, contentType: response.headers.get('content-type') };
}
