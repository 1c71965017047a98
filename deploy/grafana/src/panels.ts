// The few kinds of panel that every dashboard is made of, with the units, legends and sources set that Grafana's SDK
// leaves open.
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as heatmap from '@grafana/grafana-foundation-sdk/heatmap';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as statetimeline from '@grafana/grafana-foundation-sdk/statetimeline';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';

/** The data source that the reader chooses: never one machine's uid. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's own syntax for its variables
export const source = { type: 'prometheus', uid: '${datasource}' };

/** What a panel shows: an expression and the legend of its series. */
export type Query = [expr: string, legend: string];

/** Every panel says what it is, in which unit, and from what. */
export interface Face {
	title: string;
	description: string;
	unit: string;
	queries: Query[];
	width?: number;
	height?: number;
	/** Values from which on it turns yellow and red, or, with `falling`, below which. */
	limits?: { warn: number; bad: number; falling?: boolean };
	max?: number;
	stacked?: boolean;
}

const FAMILY = '{job=~"$job", instance=~"$instance", host=~"$host"}';
const WHOLE = '{job=~"$job", instance=~"$instance"}';

/**
 * Fills in the variables of a dashboard: `name@` selects by job, instance and host, `name@@` by job and instance only,
 * `name@{status="error"}` adds the rest.
 */
export const selected = (expr: string): string =>
	expr.replace(/@(@?)(?:\{([^}]*)\})?/g, (_, whole: string, rest?: string) => {
		const own = whole ? WHOLE : FAMILY;
		return rest ? `${own.slice(0, -1)}, ${rest}}` : own;
	});

const ranged = ([expr, legend]: Query, index: number) =>
	new prometheus.DataqueryBuilder()
		.refId(letter(index))
		.expr(selected(expr))
		.legendFormat(legend)
		.datasource(source)
		.range();

const instant = ([expr, legend]: Query, index: number) =>
	new prometheus.DataqueryBuilder()
		.refId(letter(index))
		.expr(selected(expr))
		.legendFormat(legend)
		.datasource(source)
		.instant();

const letter = (index: number) => String.fromCharCode(65 + index);

function thresholds({ limits }: Face) {
	const builder = new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute);
	if (!limits) return builder.steps([{ value: null, color: 'blue' }]);
	const { warn, bad, falling } = limits;
	return falling
		? builder.steps([
				{ value: null, color: 'red' },
				{ value: bad, color: 'yellow' },
				{ value: warn, color: 'green' },
			])
		: builder.steps([
				{ value: null, color: 'green' },
				{ value: warn, color: 'yellow' },
				{ value: bad, color: 'red' },
			]);
}

/** One number, large. */
export function number(face: Face) {
	return new stat.PanelBuilder()
		.title(face.title)
		.description(face.description)
		.datasource(source)
		.unit(face.unit)
		.targets(face.queries.map(ranged))
		.span(face.width ?? 4)
		.height(face.height ?? 4)
		.thresholds(thresholds(face))
		.graphMode(common.BigValueGraphMode.Area)
		.colorMode(common.BigValueColorMode.Value)
		.reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']));
}

/** Lines over time. */
export function lines(face: Face) {
	const builder = new timeseries.PanelBuilder()
		.title(face.title)
		.description(face.description)
		.datasource(source)
		.unit(face.unit)
		.min(0)
		.targets(face.queries.map(ranged))
		.span(face.width ?? 12)
		.height(face.height ?? 8)
		.lineWidth(2)
		.fillOpacity(face.stacked ? 40 : 10)
		.showPoints(common.VisibilityMode.Never)
		.legend(
			new common.VizLegendOptionsBuilder()
				.showLegend(true)
				.displayMode(common.LegendDisplayMode.Table)
				.placement(common.LegendPlacement.Bottom)
				.calcs(['lastNotNull', 'max']),
		)
		.tooltip(
			new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
		)
		.thresholds(thresholds(face));
	if (face.limits)
		builder.thresholdsStyle(
			new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed),
		);
	if (face.max !== undefined) builder.max(face.max);
	if (face.stacked) builder.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
	return builder;
}

/** A histogram over time: the darker, the more. The legend is the bucket. */
export function heat(face: Omit<Face, 'queries'> & { buckets: string }) {
	const query = new prometheus.DataqueryBuilder()
		.refId('A')
		.expr(selected(face.buckets))
		.legendFormat('{{le}}')
		.format(prometheus.PromQueryFormat.Heatmap)
		.datasource(source)
		.range();
	return new heatmap.PanelBuilder()
		.title(face.title)
		.description(face.description)
		.datasource(source)
		.unit(face.unit)
		.withTarget(query)
		.span(face.width ?? 12)
		.height(face.height ?? 8)
		.calculate(false)
		.color(new heatmap.HeatmapColorOptionsBuilder().mode(heatmap.HeatmapColorMode.Scheme).scheme('Blues').steps(64))
		.yAxis(new heatmap.YAxisConfigBuilder().unit(face.unit));
}

/** One row for each series, as of now. */
export function rows(face: Face & { hidden?: string[] }) {
	return new table.PanelBuilder()
		.title(face.title)
		.description(face.description)
		.datasource(source)
		.unit(face.unit)
		.targets(face.queries.map((query, index) => instant(query, index).format(prometheus.PromQueryFormat.Table)))
		.span(face.width ?? 12)
		.height(face.height ?? 8)
		.withTransformation({ id: 'merge', options: {} })
		.withTransformation({
			id: 'organize',
			options: { excludeByName: Object.fromEntries(['Time', ...(face.hidden ?? [])].map((name) => [name, true])) },
		});
}

/** A band for each series: 1 is the good state, 0 the other. */
export function states(face: Face & { good: string; bad: string }) {
	return new statetimeline.PanelBuilder()
		.title(face.title)
		.description(face.description)
		.datasource(source)
		.unit(face.unit)
		.targets(face.queries.map(ranged))
		.span(face.width ?? 12)
		.height(face.height ?? 6)
		.mappings([
			{
				type: dashboard.MappingType.ValueToText,
				options: { 1: { text: face.good, color: 'green', index: 0 }, 0: { text: face.bad, color: 'red', index: 1 } },
			},
		]);
}
