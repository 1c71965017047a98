// The rule files of deploy/prometheus and their unit tests, read.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { parse } from 'yaml';

export const rulesFolder = fileURLToPath(new URL('../../../deploy/prometheus/', import.meta.url));
const testsFolder = path.join(rulesFolder, 'tests');

const named = (folder, ending) =>
	readdirSync(folder)
		.filter((name) => name.endsWith(ending))
		.sort()
		.map((name) => path.join(folder, name));
const read = (file) => parse(readFileSync(file, 'utf8'));

export const ruleFiles = named(rulesFolder, '.rules.yml');
export const unitTests = named(testsFolder, '.test.yml');

export const rules = ruleFiles.flatMap((file) => read(file).groups.flatMap((group) => group.rules));
export const alerts = rules.filter((rule) => rule.alert);

/** Every moment at which a unit test looks at an alert, in its test's order: `{ alert, test, fires }`. */
export const moments = unitTests.flatMap((file) =>
	read(file).tests.flatMap(({ name, alert_rule_test }) =>
		alert_rule_test.map(({ alertname, exp_alerts }) => ({
			alert: alertname,
			test: name,
			fires: exp_alerts.length > 0,
		})),
	),
);
