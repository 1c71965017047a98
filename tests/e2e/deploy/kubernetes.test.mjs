// The manifests of deploy/kubernetes: they name each other rightly, and what KEDA asks Prometheus stops nothing on
// doubt.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { launch, needOrSkip, scratchFolder } from '../bed/index.mjs';
import { run } from '../bed/process.mjs';
import { build } from '../serve/sidecar.mjs';

const folder = fileURLToPath(new URL('../../../deploy/kubernetes/', import.meta.url));
const read = (name) =>
	parseAllDocuments(readFileSync(path.join(folder, name), 'utf8')).map((document) => {
		assert.deepEqual(document.errors, []);
		return document.toJS();
	});
const all = ['ollama.yaml', 'smart-ai.yaml', 'keda.yaml'].flatMap(read);
const find = (kind, name) => {
	const found = all.find((one) => one.kind === kind && one.metadata.name === name);
	assert.ok(found, `${kind} ${name}`);
	return found;
};
const trigger = find('ScaledObject', 'ollama').spec.triggers[0];

test('each Service finds its pods and their ports, and KEDA finds what it scales', () => {
	for (const name of ['ollama', 'smart-ai']) {
		const { template, selector } = find('Deployment', name).spec;
		const service = find('Service', name).spec;
		assert.deepEqual(selector.matchLabels, template.metadata.labels);
		assert.deepEqual(service.selector, template.metadata.labels);
		const ports = template.spec.containers[0].ports.map((port) => port.name);
		assert.ok(service.ports.every((port) => ports.includes(port.targetPort)));
		for (const volume of template.spec.volumes) {
			if (volume.configMap) find('ConfigMap', volume.configMap.name);
			if (volume.persistentVolumeClaim) find('PersistentVolumeClaim', volume.persistentVolumeClaim.claimName);
		}
	}
	find('Deployment', find('ScaledObject', 'ollama').spec.scaleTargetRef.name);
});

test('the sidecar starts as its pod starts it, with a key', async () => {
	const [{ args, env }] = find('Deployment', 'smart-ai').spec.template.spec.containers;
	assert.equal(env[0].name, 'SMART_AI_KEY');
	const config = path.join(scratchFolder('kubernetes'), 'smart-ai.toml');
	writeFileSync(config, find('ConfigMap', 'smart-ai').data['smart-ai.toml']);
	const here = { '/etc/smart-ai/smart-ai.toml': config, '0.0.0.0:9435': '127.0.0.1:0', '0.0.0.0:11435': '127.0.0.1:0' };
	const server = await launch({
		name: 'smart-ai serve',
		command: build()('smart-ai'),
		args: [...args.map((arg) => here[arg] ?? arg), '--json'],
		env: { ...process.env, SMART_AI_KEY: 'a'.repeat(48) },
		ready: /"proxy"/,
	});
	const { proxy } = JSON.parse(server.lines.find((line) => line.startsWith('{')));
	assert.equal((await fetch(`${proxy}/api/tags`)).status, 401);
	await server.stop();
	assert.ok(args.includes('--allow-remote'), 'or it refuses to listen beyond its machine');
});

test('a Prometheus that knows nothing is an error for KEDA, and nothing is stopped at once', () => {
	const { spec } = find('ScaledObject', 'ollama');
	assert.equal(trigger.metadata.ignoreNullValues, 'false');
	assert.ok(
		Object.values(trigger.metadata).every((value) => typeof value === 'string'),
		'KEDA takes strings',
	);
	assert.deepEqual([spec.minReplicaCount, spec.maxReplicaCount], [0, 1]);
	assert.ok(spec.cooldownPeriod > 0 && spec.initialCooldownPeriod >= 300);
});

test('the query reads the demand, outlasts a missed scrape, and gives nothing where nothing is known', async (t) => {
	const bed = await needOrSkip(t, 'prometheus');
	if (!bed) return;
	const { promtool } = await bed.prometheus.install();
	const file = path.join(scratchFolder('keda'), 'keda.test.yml');
	const { query } = trigger.metadata;
	const sample = (at, value) => ({
		expr: query,
		eval_time: at,
		exp_samples: value === null ? [] : [{ labels: '{}', value }],
	});
	// Two models; scrapes are lost from the tenth minute on.
	const tests = {
		evaluation_interval: '30s',
		tests: [
			{
				interval: '30s',
				input_series: [
					{ series: 'smart_ai_demand{model="a"}', values: '0x4 2x4 1x9 _x20' },
					{ series: 'smart_ai_demand{model="auto"}', values: '0x4 1x4 0x9 _x20' },
				],
				promql_expr_test: [sample('1m', 0), sample('4m', 3), sample('8m', 1), sample('10m', 1), sample('15m', null)],
			},
		],
	};
	writeFileSync(file, JSON.stringify(tests));
	await run(promtool, ['test', 'rules', file]);
});
