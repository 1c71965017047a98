// The dashboards as committed: their panels, variables and expressions, whatever row they are in.
import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../../../deploy/grafana/dashboards/', import.meta.url);

export const dashboards = readdirSync(folder)
	.filter((name) => name.endsWith('.json'))
	.sort()
	.map((name) => ({ name, ...JSON.parse(readFileSync(new URL(name, folder), 'utf8')) }));

/** Panels that show something: rows are only their holders. */
export const panelsOf = ({ panels }) =>
	panels.flatMap((panel) => (panel.type === 'row' ? (panel.panels ?? []) : [panel]));

/** Every expression with where it stands: `{ where, expr }`. */
export const expressions = dashboards.flatMap((dashboard) => [
	...panelsOf(dashboard).flatMap((panel) =>
		panel.targets.map(({ expr }) => ({ where: `${dashboard.name}: ${panel.title}`, expr })),
	),
	...(dashboard.annotations?.list ?? []).map(({ name, expr }) => ({
		where: `${dashboard.name}: mark "${name}"`,
		expr,
		mark: true,
	})),
]);

/** An expression as Grafana would send it with everything chosen. */
export const withVariables = (expr, interval = '1m') =>
	expr
		.replaceAll('$__rate_interval', interval)
		.replaceAll('"$job"', '".+"')
		.replaceAll('"$instance"', '".+"')
		.replaceAll('"$host"', '".*"');

/** Names of the metrics in an expression, histograms with their suffix. */
export const metricsIn = (expr) => [
	...new Set(
		expr
			.replace(/"[^"]*"/g, '')
			.match(/\b(?:ollama|dispatcher|smart_ai|n8n|node|DCGM|nvidia)_?[\w:]*[a-z_\d]{3,}\b/gi) ?? [],
	),
];
