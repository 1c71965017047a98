// Runs the project's checks in order and says which passed: `check` is the inner loop, `all` is everything.
// Compiled Rust, npm's cache and installed tools stay in the cache folder, so that the next run starts warm.
// A step that fails beside real servers is tried once more, and is said to have needed it.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cache, root, target } from '../paths.mjs';

const env = {
	...process.env,
	CARGO_TARGET_DIR: target,
	npm_config_cache: join(cache, 'npm'),
};

const required = [
	{ command: 'cargo', hint: 'install Rust with rustup: https://rustup.rs' },
	{ command: 'npm', hint: 'install Node.js 20 or later with npm' },
];

const npm = (name, folder, ...args) => ({ name, command: 'npm', args, folder });
/** Brings a folder's packages as its lock file names them, where they are not there yet. */
const packages = (name, folder, ...flags) => ({
	...npm(name, folder, 'ci', ...flags, '--no-audit', '--no-fund'),
	needed: () => changedAt(folder, 'node_modules/.package-lock.json') < changedAt(folder, 'package-lock.json'),
});
const changedAt = (folder, file) => statSync(join(root, folder, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
/** Every file of tests in a folder. */
const testsIn = (folder) =>
	readdirSync(join(root, folder))
		.filter((name) => name.endsWith('.test.mjs'))
		.map((name) => join(folder, name));
const nodeTest = (name, ...files) => ({ name, command: 'node', args: ['--test', ...files] });

const check = [
	{ name: 'Rust format', command: 'cargo', args: ['fmt', '--all', '--check'] },
	{
		name: 'Rust lints',
		command: 'cargo',
		args: ['clippy', '--locked', '--workspace', '--all-targets', '--', '-D', 'warnings'],
	},
	{ name: 'Rust tests and vectors', command: 'cargo', args: ['test', '--locked', '--workspace'] },
	{
		name: 'TypeScript declarations',
		command: 'cargo',
		args: ['test', '--locked', '-p', 'smart-ai-core', '--features', 'typescript', '--test', 'typescript'],
	},
	packages('npm packages', '.'),
	{ name: 'JavaScript format and lints', command: 'npx', args: ['biome', 'ci', '--error-on-warnings', '.'] },
	nodeTest('Line lengths', 'tests/lines.test.mjs'),
	nodeTest('Imports without circles', 'tests/circles.test.mjs'),
];

const rest = [
	npm('WASM build', 'wasm', 'run', 'build'),
	npm('WASM types', 'wasm', 'run', 'check'),
	npm('WASM driver', 'wasm', 'test'),
	npm('Addon build', 'node-addon', 'run', 'build'),
	npm('Addon types', 'node-addon', 'run', 'check'),
	npm('Addon', 'node-addon', 'test'),
	packages('n8n tooling', 'n8n-node', '--ignore-scripts'),
	npm('n8n node: unit tests', 'n8n-node', 'test'),
	npm('n8n node: lint', 'n8n-node', 'run', 'lint'),
	npm('n8n node: build', 'n8n-node', 'run', 'build'),
	npm('n8n node: scan', 'n8n-node', 'run', 'scan'),
	{ name: 'Fuzzing, a few seconds', command: 'node', args: ['fuzz/run.mjs'] },
	nodeTest(
		'Faults on both drivers',
		'tests/e2e/faults/matrix.test.mjs',
		'tests/e2e/faults/cancel.test.mjs',
		'tests/e2e/faults/embed.test.mjs',
		'tests/e2e/faults/clock.test.mjs',
	),
	nodeTest('Metrics and proxy', ...testsIn('tests/e2e/serve').filter((file) => !file.includes('differential'))),
	nodeTest('The proxy against real Ollama alone', 'tests/e2e/serve/differential.test.mjs'),
	nodeTest('History in SQLite and PostgreSQL', ...testsIn('tests/e2e/history')),
	nodeTest('Models that come and go', 'tests/e2e/lifecycle/lifecycle.test.mjs'),
	nodeTest('Hosts that sleep in containers', 'tests/e2e/lifecycle/containers.test.mjs'),
	nodeTest('Faults on real Ollama', 'tests/e2e/faults/real.test.mjs'),
	nodeTest('Test bed', 'tests/e2e/bed/cache.test.mjs', 'tests/e2e/bed/bed.test.mjs'),
	nodeTest(
		'Simulated against real Ollama',
		'tests/e2e/conformance/answers.test.mjs',
		'tests/e2e/conformance/behaviour.test.mjs',
	),
	npm('Report page: types', 'runtime/src/report/page', 'run', 'check'),
	nodeTest('Report in Chromium', 'tests/e2e/report/report.test.mjs'),
	npm('Dashboards: types', 'deploy/grafana', 'run', 'check'),
	nodeTest(
		'Rules, alerts, dashboards and the Compose stack',
		'tests/e2e/deploy/rules.test.mjs',
		'tests/e2e/deploy/dashboards.test.mjs',
		'tests/e2e/deploy/compose.test.mjs',
		'tests/e2e/deploy/kubernetes.test.mjs',
		'tests/e2e/deploy/image.test.mjs',
	),
	nodeTest('Expressions on a real Prometheus', 'tests/e2e/deploy/expressions.test.mjs'),
	nodeTest('Verify a real fleet', 'tests/e2e/verify/verify.test.mjs'),
	nodeTest('Every engine of the n8n node', 'tests/e2e/n8n/engines.test.mjs', 'tests/e2e/n8n/sidecar.test.mjs'),
	nodeTest('A gradual rollout in n8n', 'tests/e2e/n8n/rollout.test.mjs'),
	nodeTest('n8n in queue mode', 'tests/e2e/n8n/queue.test.mjs'),
	nodeTest('n8n node in n8n', 'tests/e2e/n8n/node.test.mjs'),
	nodeTest('n8n chat model under agents', 'tests/e2e/n8n/chat-model.test.mjs'),
	nodeTest('What the n8n node learned, over a restart', 'tests/e2e/n8n/memory.test.mjs'),
	nodeTest('n8n sub-nodes on real models', 'tests/e2e/n8n/embeddings.test.mjs'),
	nodeTest('Every operation of the n8n node', 'tests/e2e/n8n/operations.test.mjs'),
	nodeTest("n8n's editor in Chromium", 'tests/e2e/n8n/editor.test.mjs', 'tests/e2e/n8n/newcomer.test.mjs'),
	nodeTest('Templates in n8n', 'tests/e2e/templates/templates.test.mjs'),
	nodeTest('Daily digest in n8n', 'tests/e2e/digest/digest.test.mjs'),
	nodeTest('Demo on simulated hosts', 'tests/e2e/digest/demo.test.mjs'),
	{ ...nodeTest('Vectors on WASM', 'tests/vectors/run.test.mjs'), variables: { BUILD: 'wasm' } },
	{ ...nodeTest('Vectors on the addon', 'tests/vectors/run.test.mjs'), variables: { BUILD: 'native' } },
	nodeTest('Packages in clean projects', 'tests/packaging.test.mjs'),
];

function ready({ command, hint }) {
	const found = spawnSync(command, ['--version'], { env, stdio: 'ignore' }).status === 0;
	if (!found) console.error(`${command} is missing: ${hint}`);
	return found;
}

function run({ name, command, args, folder = '.', variables = {} }) {
	const started = Date.now();
	const tries = args.some((arg) => arg.startsWith('tests/e2e/')) ? 2 : 1;
	for (let number = 1; ; number += 1) {
		console.log(`\n== ${name}: ${[command, ...args].join(' ')}`);
		const { status, error } = spawnSync(command, args, {
			cwd: join(root, folder),
			env: { ...env, ...variables },
			stdio: 'inherit',
		});
		if (error) console.error(error.message);
		const passed = status === 0;
		const seconds = (Date.now() - started) / 1000;
		if (passed || number === tries) return { name, passed, seconds, again: passed && number > 1 };
	}
}

const which = process.argv[2];
if (which !== 'check' && which !== 'all') {
	console.error('usage: node tests/run.mjs check|all');
	process.exit(2);
}
if (!required.map(ready).every(Boolean)) process.exit(2);
mkdirSync(env.CARGO_TARGET_DIR, { recursive: true });
const steps = [...check, ...(which === 'all' ? rest : [])];
const results = steps.filter(({ needed }) => needed?.() ?? true).map(run);
console.log('');
for (const { name, passed, again, seconds } of results) {
	const tries = again ? ' (at the second try)' : '';
	console.log(`${passed ? 'passed' : 'FAILED'}  ${seconds.toFixed(1).padStart(7)} s  ${name}${tries}`);
}
const failed = results.filter((result) => !result.passed).length;
console.log(`\n${results.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
