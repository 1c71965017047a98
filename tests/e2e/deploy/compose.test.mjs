// The stack of deploy/compose: what it names exists, fits together, and is open to this machine only.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { needOrSkip } from '../bed/index.mjs';
import { run } from '../bed/process.mjs';

const folder = fileURLToPath(new URL('../../../deploy/compose/', import.meta.url));
const read = (name) => readFileSync(path.join(folder, name), 'utf8');
const stack = parse(read('compose.yaml'));
const { services, volumes } = stack;
const scrapes = parse(read('prometheus.yml')).scrape_configs;
const mounts = Object.values(services)
	.flatMap((service) => service.volumes ?? [])
	.map((mount) => mount.split(':'));

test('what manages containers goes through a proxy that lets through three things about one of them', () => {
	const managed = parse(read('compose.manage.yaml'));
	const { ollama, engine, ...others } = managed.services;
	const name = ollama.container_name;
	assert.deepEqual(ollama.labels, { 'smart-ai.manage': 'true', 'smart-ai.exclusive': 'true' });
	assert.match(engine.image, /:\d+\.\d+\.\d+$/);
	assert.ok(engine.read_only && !engine.ports && managed.networks.engine.internal);
	for (const { volumes: own = [] } of Object.values(others)) assert.ok(!own.join().includes('docker.sock'));
	const allows = (method, path) =>
		engine.command.some((flag) => {
			const pattern = flag.startsWith(`-allow${method}=`) && flag.slice(`-allow${method}=`.length);
			return pattern && new RegExp(`^${pattern}$`).test(path);
		});
	for (const prefix of ['', '/v1.41', '/v1.53']) {
		assert.ok(allows('GET', `${prefix}/version`) && allows('GET', `${prefix}/containers/${name}/json`));
		assert.ok(allows('POST', `${prefix}/containers/${name}/start`));
		assert.ok(allows('POST', `${prefix}/containers/${name}/stop?t=30`));
		for (const path of ['/containers/create', '/containers/n8n/stop', `/containers/${name}/exec`, '/images/create']) {
			assert.ok(!allows('POST', `${prefix}${path}`), path);
		}
		for (const path of ['/containers/json', `/containers/${name}/archive`, '/secrets', '/info']) {
			assert.ok(!allows('GET', `${prefix}${path}`), path);
		}
		assert.ok(!allows('POST', `${prefix}/containers/${name}/stop?t=30&x=/../../create`));
	}
	for (const method of ['PUT', 'DELETE', 'PATCH']) assert.ok(!allows(method, `/containers/${name}`));
	const file = read('smart-ai.manage.toml');
	assert.match(file, new RegExp(`container = "${name}"\nengine = "tcp://engine:2375"`));
});

test('docker compose accepts it', async (t) => {
	const bed = await needOrSkip(t, 'compose');
	if (!bed) return;
	const { command, args } = await bed.compose.install();
	const config = (env) => run(command, [...args, '-f', path.join(folder, 'compose.yaml'), 'config'], { env });
	const { GRAFANA_PASSWORD, ...without } = process.env;
	const { stdout } = await config({ ...without, GRAFANA_PASSWORD: GRAFANA_PASSWORD ?? 'one of its own' });
	assert.deepEqual(Object.keys(parse(stdout).services).sort(), Object.keys(services).sort());
	const both = ['compose.yaml', 'compose.manage.yaml'].flatMap((name) => ['-f', path.join(folder, name)]);
	const env = { ...process.env, GRAFANA_PASSWORD: 'one of its own', DOCKER_GID: '999' };
	const managed = parse((await run(command, [...args, ...both, 'config'], { env })).stdout).services;
	// Older ones write a mount as one text.
	const sources = managed['smart-ai'].volumes.map((mount) => mount.source ?? mount.split(':')[0]);
	const held = sources.filter((source) => source.endsWith('.toml')).map((source) => path.basename(source));
	assert.deepEqual(held, ['smart-ai.manage.toml']);
});

test('docker compose accepts queue mode on top of it, with two sidecars and workers', async (t) => {
	const bed = await needOrSkip(t, 'compose');
	if (!bed) return;
	const { command, args } = await bed.compose.install();
	const secrets = ['GRAFANA_PASSWORD', 'POSTGRES_PASSWORD', 'N8N_ENCRYPTION_KEY', 'SMART_AI_KEY'];
	const env = { ...process.env, ...Object.fromEntries(secrets.map((name) => [name, `its-${name}`])) };
	const files = ['compose.yaml', 'queue.yaml'].flatMap((name) => ['-f', path.join(folder, name)]);
	const { stdout } = await run(command, [...args, ...files, 'config'], { env });
	const { services: merged } = parse(stdout);
	const added = ['n8n-webhook', 'n8n-worker', 'postgres', 'redis', 'smart-ai-2'];
	assert.deepEqual(Object.keys(merged).sort(), [...Object.keys(services), ...added].sort());
	for (const name of ['smart-ai', 'smart-ai-2']) {
		assert.ok(merged[name].command.includes('--standby') && !merged[name].command.includes('--key-file'));
		assert.equal(merged[name].environment.SMART_AI_HISTORY, 'postgres://n8n:its-POSTGRES_PASSWORD@postgres/smart');
		assert.equal(merged[name].environment.SMART_AI_KEY, 'its-SMART_AI_KEY');
	}
	for (const name of ['n8n', 'n8n-webhook', 'n8n-worker']) {
		const { EXECUTIONS_MODE, N8N_ENCRYPTION_KEY } = merged[name].environment;
		assert.deepEqual([EXECUTIONS_MODE, N8N_ENCRYPTION_KEY], ['queue', 'its-N8N_ENCRYPTION_KEY'], name);
	}
	const queue = read('queue.yaml');
	for (const name of secrets.slice(1)) assert.ok(queue.includes(`\${${name}:?is not set.`), `${name} has a default`);
	for (const name of added) {
		assert.ok(merged[name].healthcheck, `${name} has no healthcheck`);
		assert.match(merged[name].image, /:v?\d+(\.\d+)+$/, `${name} is not pinned`);
	}
	for (const [, port] of queue.matchAll(/^ +- "(.*:\d+)"$/gm)) assert.match(port, /^127\.0\.0\.1:/);
	assert.ok(existsSync(path.join(folder, 'smart.sql')));
});

test('Prometheus accepts its configuration', async (t) => {
	const bed = await needOrSkip(t, 'prometheus');
	if (!bed) return;
	const { promtool } = await bed.prometheus.install();
	await run(promtool, ['check', 'config', '--syntax-only', path.join(folder, 'prometheus.yml')]);
});

test('it holds every part', () => {
	assert.deepEqual(Object.keys(services).sort(), [
		'cadvisor',
		'grafana',
		'n8n',
		'node-exporter',
		'ollama',
		'prometheus',
		'smart-ai',
	]);
	assert.equal(services.n8n.environment.N8N_METRICS, 'true');
});

test('every part of it that tells metrics is scraped', () => {
	assert.deepEqual(scrapes.map(({ job_name }) => job_name).sort(), [
		'cadvisor',
		'n8n',
		'node',
		'prometheus',
		'smart-ai',
	]);
	for (const { job_name, static_configs, dns_sd_configs } of scrapes) {
		const [name] = (static_configs?.[0].targets ?? dns_sd_configs[0].names)[0].split(':');
		assert.ok(services[name] || name === 'localhost', `${job_name} scrapes ${name}, which is no service`);
	}
});

test("the machine's exporters carry the name that the fleet knows the host by", () => {
	const instance = /^instance = "(.+)"$/m.exec(read('smart-ai.toml'))[1];
	for (const job of ['node', 'cadvisor']) {
		assert.equal(scrapes.find(({ job_name }) => job_name === job).static_configs[0].labels.instance, instance);
	}
	const [, host] = /^url = "http:\/\/([\w-]+):11434"$/m.exec(read('smart-ai.toml'));
	assert.ok(services[host]);
});

test('every file it mounts is here, and every volume declared', () => {
	for (const [from] of mounts) {
		if (from.startsWith('.')) assert.ok(existsSync(path.join(folder, from)), `${from} is missing`);
		else if (!from.startsWith('/')) assert.ok(from in volumes, `volume ${from} is not declared`);
	}
	const {
		build: { context, dockerfile },
	} = services['smart-ai'];
	assert.ok(existsSync(path.join(folder, context, dockerfile)));
});

test("every password is the owner's", () => {
	for (const { environment = {} } of Object.values(services)) {
		for (const [name, value] of Object.entries(environment)) {
			if (/PASSWORD|SECRET/.test(name)) assert.match(value, /^\$\{\w+:\?.+\}$/, `${name} has a default`);
		}
	}
});

test('what others wait for says when it is well, and what has work under way gets the time to end it', () => {
	for (const name of ['ollama', 'smart-ai', 'n8n', 'prometheus', 'grafana']) {
		assert.ok(services[name].healthcheck, `${name} has no healthcheck`);
	}
	for (const [name, { depends_on: needs = {} }] of Object.entries(services)) {
		for (const [needed, { condition }] of Object.entries(needs)) {
			assert.equal(condition, 'service_healthy', `${name} does not wait until ${needed} is well`);
		}
	}
	const drain = 30 + 5;
	for (const name of ['ollama', 'smart-ai', 'n8n']) {
		const grace = Number.parseInt(services[name].stop_grace_period, 10);
		assert.ok(grace > drain, `${name} is killed ${grace} s after it is asked to stop`);
	}
});

test('images are pinned, ports are open to this machine only, and nobody holds the Docker socket', () => {
	for (const [name, { image, ports = [] }] of Object.entries(services)) {
		assert.match(image, /:v?\d+\.\d+\.\d+$/, `${name} is not pinned`);
		for (const port of ports) assert.match(port, /^127\.0\.0\.1:/, `${name} listens for everybody`);
	}
	for (const [from] of mounts) assert.ok(!from.includes('docker.sock'), `${from} gives away the machine`);
});

test('Grafana finds dashboards and source where the stack puts them', () => {
	const provisioned = (name) => parse(readFileSync(path.join(folder, '../grafana/provisioning', name), 'utf8'));
	const [{ options }] = provisioned('dashboards/smart-ai.yaml').providers;
	assert.ok(
		services.grafana.volumes.some((mount) => mount.split(':')[1] === options.path),
		`nothing is mounted at ${options.path}`,
	);
	const [{ url }] = provisioned('datasources/prometheus.yaml').datasources;
	assert.equal(url, '$PROMETHEUS_URL');
	assert.match(services.grafana.environment.PROMETHEUS_URL, /^http:\/\/prometheus:9090$/);
});

test('what the sidecar is built from reaches the builder', () => {
	const allowed = read('Dockerfile.dockerignore')
		.split('\n')
		.filter((line) => line.startsWith('!'))
		.map((line) => line.slice(1));
	const root = fileURLToPath(new URL('../../../', import.meta.url));
	const members = /members = \[(.+)\]/.exec(readFileSync(path.join(root, 'Cargo.toml'), 'utf8'))[1].match(/[\w-/]+/g);
	for (const member of members) assert.ok(allowed.includes(member.split('/')[0]), `${member} is left out`);
});
