// `smart-ai verify` on a real Ollama, a real Prometheus and a real node-exporter: green when all is there; each piece
// that goes is named.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { after, test } from 'node:test';
import { root, target } from '../../../paths.mjs';
import { needOrSkip, stopAll, until } from '../bed/index.mjs';

const RULES = path.join(root, 'deploy', 'prometheus', 'signals.rules.yml');
const program = path.join(target, 'debug', 'smart-ai');
const env = { ...process.env, CARGO_TARGET_DIR: target };
const asText = { cwd: root, env, encoding: 'utf8' };

after(stopAll);

/** The report and exit code of `verify` with these flags. */
function verify(...flags) {
	const { status, stdout, stderr } = spawnSync(program, ['verify', '--json', ...flags], asText);
	assert.ok(stdout, stderr);
	const report = JSON.parse(stdout);
	return {
		code: status,
		ok: report.ok,
		check: (name) => report.checks.find((check) => check.name === name),
		checks: report.checks,
	};
}

/** The same on a terminal. */
const onTerminal = (...flags) =>
	spawnSync('script', ['-qec', [program, 'verify', ...flags].join(' '), '/dev/null'], asText).stdout;

test('verify is green when all is there, and names each piece that goes, its cost and its cure', async (t) => {
	const bed = await needOrSkip(t, 'ollama', 'models', 'prometheus');
	if (!bed) return;
	const built = spawnSync('cargo', ['build', '--locked', '--quiet', '--package', 'smart-ai'], {
		cwd: root,
		env,
		stdio: 'inherit',
	});
	assert.equal(built.status, 0);
	const host = await bed.ollama.start({ models: (await bed.models.install()).folder });
	const exporter = await bed.prometheus.startNodeExporter();
	const metrics = await bed.prometheus.start({ targets: [{ job: 'node', address: exporter.address }] });
	const idle = 'rate(node_cpu_seconds_total{mode="idle"}[1m])';
	await until('two scrapes', async () => (await metrics.query(idle)).length > 0);
	const flags = ['--host', `pc=${host.url}`, '--prometheus', metrics.url];

	const whole = verify(...flags);
	assert.deepEqual([whole.code, whole.ok, whole.checks.filter(({ ok }) => !ok)], [0, true, []]);
	assert.match(whole.check('host pc exporter').detail, /^node_exporter on Linux at 127\.0\.0\.1:\d+$/);
	assert.match(whole.check('host pc memory_total_bytes').detail, /^\d+\.\d GB, \d s ago$/);
	assert.match(whole.check('host pc models').detail, /smollm2:135m/);
	if (process.platform === 'linux') {
		assert.ok(onTerminal(...flags).includes('\u001b[32mAll there.'));
		assert.ok(onTerminal('--host', 'http://127.0.0.1:9').includes('\u001b[31mFAIL'));
	}

	assert.match(whole.check('prometheus').detail, /computes the signals anew/);

	const recording = await bed.prometheus.start({
		targets: [{ job: 'node', address: exporter.address }],
		rules: [RULES],
	});
	await until(
		'rules record',
		async () => (await recording.query('smart_ai:signals{smart_ai=~".+cpu_busy_ratio/value"}')).length > 0,
	);
	const recorded = verify('--host', `pc=${host.url}`, '--prometheus', recording.url);
	assert.match(recorded.check('prometheus').detail, /one selector$/);
	assert.deepEqual(
		recorded.checks.filter(({ ok }) => !ok),
		[],
	);
	const memory = (report) => /^\d+\.\d GB/.exec(report.check('host pc memory_total_bytes').detail)[0];
	assert.equal(memory(recorded), memory(whole));
	await recording.stop();

	const elsewhere = verify('--host', `pc=${host.url.replace('127.0.0.1', 'localhost')}`, '--prometheus', metrics.url);
	assert.equal(elsewhere.code, 0);
	const unlabelled = elsewhere.check('host pc exporter');
	assert.ok(
		unlabelled.detail.includes(exporter.address) && unlabelled.fix.includes('`instance`'),
		JSON.stringify(unlabelled),
	);

	await exporter.stop();
	await until(
		'Prometheus misses the exporter',
		async () => (await metrics.query('node_memory_MemTotal_bytes')).length === 0,
	);
	const blind = verify(...flags);
	assert.deepEqual([blind.code, blind.ok], [0, true]);
	assert.match(blind.check('host pc exporter').fix, /prometheus-node-exporter/);
	const cpu = blind.check('host pc cpu_busy_ratio');
	assert.deepEqual([cpu.ok, cpu.required], [false, false]);
	assert.match(cpu.detail, /a host busy with other work looks idle/);

	await metrics.stop();
	const unmeasured = verify(...flags);
	assert.deepEqual(
		[unmeasured.code, unmeasured.check('prometheus').ok, unmeasured.check('host pc answers').ok],
		[0, false, true],
	);
	assert.match(unmeasured.check('prometheus').detail, /unreachable/);

	await host.stop();
	const gone = verify(...flags);
	assert.deepEqual([gone.code, gone.ok], [1, false]);
	assert.match(gone.check('host pc answers').fix, /ollama serve/);
});
