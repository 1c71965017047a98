// What every dashboard has: the reader's choice of source, job, instance and host, its place among the others, and
// marks for what happened.
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { selected, source } from './panels';

/** Anything with panels in rows. */
export type Section = [title: string, panels: Parameters<dashboard.DashboardBuilder['withPanel']>[0][]];

interface Face {
	uid: string;
	title: string;
	description: string;
	/** The metric whose labels the choices are read from. */
	anchor: string;
	/** Whether there is a choice of host. */
	hosts?: boolean;
	sections: Section[];
}

const choice = (name: string, label: string, query: string, allValue: string) =>
	new dashboard.QueryVariableBuilder(name)
		.label(label)
		.datasource(source)
		.query(query)
		.multi(true)
		.includeAll(true)
		.allValue(allValue)
		.current({ text: 'All', value: '$__all' })
		.refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
		.sort(dashboard.VariableSort.AlphabeticalAsc);

const mark = (name: string, color: string, expr: string, title: string) =>
	new dashboard.AnnotationQueryBuilder()
		.name(name)
		.datasource(source)
		.enable(true)
		.iconColor(color)
		.expr(selected(expr))
		.titleFormat(title)
		.step('60s');

/** The dashboard, built. */
export function page({ uid, title, description, anchor, hosts = true, sections }: Face): dashboard.Dashboard {
	const builder = new dashboard.DashboardBuilder(`Smart AI / ${title}`)
		.uid(uid)
		.description(description)
		.tags(['smart-ai'])
		.readonly()
		.timezone('browser')
		.time({ from: 'now-6h', to: 'now' })
		.refresh('30s')
		.tooltip(dashboard.DashboardCursorSync.Crosshair)
		.withVariable(
			new dashboard.DatasourceVariableBuilder('datasource')
				.label('Data Source')
				.type('prometheus')
				.current({ text: 'default', value: 'default' }),
		)
		.withVariable(choice('job', 'Job', `label_values(${anchor}, job)`, '.+'))
		.withVariable(choice('instance', 'Instance', `label_values(${anchor}{job=~"$job"}, instance)`, '.+'))
		.link(
			new dashboard.DashboardLinkBuilder('Smart AI')
				.type(dashboard.DashboardLinkType.Dashboards)
				.tags(['smart-ai'])
				.asDropdown(true)
				.includeVars(true)
				.keepTime(true),
		)
		.link(
			new dashboard.DashboardLinkBuilder('Runbooks')
				.type(dashboard.DashboardLinkType.Link)
				.url('https://github.com/smart-ai/smart-ai/tree/main/docs/runbooks')
				.targetBlank(true),
		);
	if (hosts) {
		builder
			.withVariable(choice('host', 'Host', `label_values(${anchor}{job=~"$job", instance=~"$instance"}, host)`, '.*'))
			.annotation(mark('Host away', 'red', 'ollama_up@ == 0', '{{host}} does not answer'))
			.annotation(
				mark(
					'Model out of memory',
					'orange',
					'increase(ollama_model_unloads_total@{reason="evicted"}[1m]) > 0',
					'{{model}} pushed out on {{host}}',
				),
			);
	}
	for (const [name, panels] of sections) {
		builder.withRow(new dashboard.RowBuilder(name));
		for (const panel of panels) builder.withPanel(panel);
	}
	return builder.build();
}
