// Rules and alerts: valid, unit-tested by promtool, explained by a runbook.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { signalRules } from '../../../deploy/prometheus/signals.mjs';
import { needOrSkip } from '../bed/index.mjs';
import { run } from '../bed/process.mjs';
import { alerts, moments, ruleFiles, rulesFolder, unitTests } from './alerts.mjs';

const root = fileURLToPath(new URL('../../../', import.meta.url));

test('promtool accepts every rule file, and every unit test passes', async (t) => {
	const bed = await needOrSkip(t, 'prometheus');
	if (!bed) return;
	const { promtool } = await bed.prometheus.install();
	await run(promtool, ['check', 'rules', '--lint-fatal', ...ruleFiles]);
	await run(promtool, ['test', 'rules', ...unitTests]);
});

for (const { alert, labels, annotations } of alerts) {
	test(`${alert} is seen to fire, to stay silent and to resolve`, () => {
		const seen = moments.filter((moment) => moment.alert === alert);
		assert.ok(
			seen.some(({ fires }) => !fires),
			'no test in which it stays silent',
		);
		const resolves = seen.some(
			(moment, at) => moment.fires && seen.slice(at + 1).some((later) => later.test === moment.test && !later.fires),
		);
		assert.ok(resolves, 'no test in which it fires and then resolves');
	});

	test(`${alert} says what to do`, () => {
		assert.match(labels.severity, /^(page|ticket)$/);
		assert.ok(annotations.summary && annotations.description);
		const page = /\/blob\/main\/(docs\/runbooks\/[\w-]+\.md)$/.exec(annotations.runbook_url)?.[1];
		assert.ok(page && existsSync(path.join(root, page)), `no page ${annotations.runbook_url}`);
		assert.ok(readFileSync(path.join(root, page), 'utf8').includes(`\`${alert}\``), `${page} does not name the alert`);
	});
}

test('the recorded signals are those that core asks for', () => {
	assert.equal(readFileSync(path.join(rulesFolder, 'signals.rules.yml'), 'utf8'), signalRules());
});
