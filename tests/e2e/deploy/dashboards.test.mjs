// What Grafana's dashboard linter asks of a dashboard, and that the JSON is what the code makes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as units from '@grafana/grafana-foundation-sdk/units';
import { needOrSkip } from '../bed/index.mjs';
import { run } from '../bed/process.mjs';
import { dashboards, expressions, panelsOf, withVariables } from './dashboards.mjs';

const grafana = fileURLToPath(new URL('../../../deploy/grafana/', import.meta.url));
// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's own syntax for its variables
const SOURCE = '${datasource}';
const KNOWN_UNITS = new Set(Object.values(units).filter((unit) => typeof unit === 'string'));

test('the committed JSON is what the code makes', async () => {
	await run(
		'npx',
		[
			'esbuild',
			'src/write.ts',
			'--bundle',
			'--platform=node',
			'--format=esm',
			'--packages=external',
			'--log-level=warning',
			'--outfile=dist/write.mjs',
		],
		{ cwd: grafana },
	);
	await run(process.execPath, ['dist/write.mjs', '--check'], { cwd: grafana });
});

test('no two dashboards share an address, and each is reached from the others', () => {
	assert.equal(new Set(dashboards.map(({ uid }) => uid)).size, dashboards.length);
	for (const { uid, tags, links } of dashboards) {
		assert.match(uid, /^smart-ai-[a-z\d-]+$/);
		assert.ok(tags.includes('smart-ai') && links.some((link) => link.tags.includes('smart-ai')));
	}
});

for (const dashboard of dashboards) {
	const panels = panelsOf(dashboard);
	const variables = Object.fromEntries(dashboard.templating.list.map((variable) => [variable.name, variable]));

	test(`${dashboard.name}: data source, job and instance are chosen by the reader`, () => {
		assert.equal(variables.datasource.type, 'datasource');
		assert.equal(variables.datasource.query, 'prometheus');
		assert.equal(variables.datasource.label, 'Data Source');
		for (const name of ['job', 'instance']) {
			const { type, datasource, multi, includeAll, allValue, label, query, refresh } = variables[name];
			assert.deepEqual(
				[type, datasource.uid, multi, includeAll, allValue, label.toLowerCase(), refresh],
				['query', SOURCE, true, true, '.+', name, 2],
			);
			assert.match(typeof query === 'string' ? query : query.query, /^label_values\(/);
		}
	});

	test(`${dashboard.name}: cannot be changed by accident, and imports into Grafana 10 and later`, () => {
		assert.equal(dashboard.editable, false);
		assert.ok(dashboard.schemaVersion <= 42);
		assert.equal(dashboard.__inputs, undefined);
	});

	test(`${dashboard.name}: no two panels overlap`, () => {
		const taken = new Set();
		for (const {
			title,
			gridPos: { x, y, w, h },
		} of dashboard.panels) {
			assert.ok(x + w <= 24, `${title} is wider than the page`);
			for (let column = x; column < x + w; column++) {
				for (let row = y; row < y + h; row++) {
					assert.ok(!taken.has(`${column},${row}`), `${title} lies on another panel`);
					taken.add(`${column},${row}`);
				}
			}
		}
	});

	for (const panel of panels) {
		test(`${dashboard.name}: ${panel.title}`, () => {
			assert.ok(panel.title && panel.description, 'title and description');
			assert.deepEqual(panel.datasource, { type: 'prometheus', uid: SOURCE });
			const { unit } = panel.fieldConfig.defaults;
			assert.ok(KNOWN_UNITS.has(unit) || unit.startsWith('suffix:'), `unit ${unit}`);
			assert.ok(panel.targets.length > 0, 'no query');
			for (const { expr, datasource } of panel.targets) {
				assert.equal(datasource.uid, SOURCE);
				checkExpression(expr);
			}
		});
	}
}

function checkExpression(expr) {
	for (const { 0: name, index } of expr.matchAll(/\b(?:ollama|dispatcher|n8n)_\w+/g)) {
		const after = expr.slice(index + name.length);
		assert.match(after, /^\{job=~"\$job", instance=~"\$instance"/, `${name} is not selected by job and instance`);
	}
	for (const [, call, range] of expr.matchAll(/\b(rate|irate|increase)\([^[]*\[([^\]]+)\]/g)) {
		if (call !== 'increase') assert.equal(range, '$__rate_interval', `${call} over ${range}`);
	}
	assert.ok(!/\$__interval\b|\$interval\b/.test(expr), 'use $__rate_interval');
	for (const { 0: name, index } of expr.matchAll(/\b\w+_(?:total|count|sum|bucket)(?=\{)/g)) {
		if (name === 'n8n_active_workflow_count') continue;
		const before = expr.slice(0, index);
		assert.match(before, /(?:rate|increase)\($/, `${name} is a counter: it needs rate or increase`);
	}
}

test('Prometheus parses every expression', async (t) => {
	const bed = await needOrSkip(t, 'prometheus');
	if (!bed) return;
	const server = await bed.prometheus.start();
	try {
		for (const { where, expr } of expressions) {
			await assert.doesNotReject(server.query(withVariables(expr)), `${where}: ${expr}`);
		}
	} finally {
		await server.stop();
	}
});
