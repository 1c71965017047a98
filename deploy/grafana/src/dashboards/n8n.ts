import * as units from '@grafana/grafana-foundation-sdk/units';
import { page } from '../page';
import { lines, number } from '../panels';

/** What n8n's nodes ask of the proxy: ours, and n8n's own Ollama nodes. */
const ASKED = 'client=~"smart_ai|n8n|langchain"';

export const n8n = page({
	uid: 'smart-ai-n8n',
	title: 'n8n',
	description: 'Workflows, and the requests that they send through the sidecar.',
	anchor: 'up',
	hosts: false,
	sections: [
		[
			'Workflows',
			[
				number({
					title: 'Active workflows',
					unit: units.Short,
					description: 'Needs N8N_METRICS=true.',
					queries: [['sum(n8n_active_workflow_count@@)', 'active']],
				}),
				number({
					title: 'Executions',
					unit: units.Short,
					description: 'That ended in the last hour.',
					queries: [['sum(increase(n8n_workflow_execution_duration_seconds_count@@[1h])) or vector(0)', 'executions']],
				}),
				number({
					title: 'Answered',
					unit: units.PercentUnit,
					limits: { warn: 0.995, bad: 0.99, falling: true },
					description: "Share of the last hour's requests from n8n that were answered.",
					queries: [
						[
							`sum(increase(ollama_requests_total@@{${ASKED}, status="success"}[1h])) / ` +
								`sum(increase(ollama_requests_total@@{${ASKED}, status!="cancelled"}[1h]))`,
							'answered',
						],
					],
				}),
				number({
					title: 'Requests',
					unit: units.RequestsPerMinute,
					description: 'From n8n to models, a minute.',
					queries: [[`60 * sum(rate(ollama_requests_total@@{${ASKED}}[$__rate_interval]))`, 'requests']],
				}),
				number({
					title: 'Memory',
					unit: units.BytesIEC,
					description: "Of n8n's process.",
					queries: [['sum(n8n_process_resident_memory_bytes@@)', 'memory']],
				}),
				number({
					title: 'Event loop',
					unit: units.Seconds,
					limits: { warn: 0.1, bad: 1 },
					description: "How late n8n's process is, 99 % of the time at most.",
					queries: [['max(n8n_nodejs_eventloop_lag_p99_seconds@@)', 'lag']],
				}),
			],
		],
		[
			'Executions and requests',
			[
				lines({
					title: 'Time of an execution',
					unit: units.Seconds,
					description:
						'95 % of workflow executions take less. Needs N8N_METRICS_INCLUDE_WORKFLOW_EXECUTION_DURATION=true.',
					queries: [
						[
							'histogram_quantile(0.95, sum by (le) ' +
								'(rate(n8n_workflow_execution_duration_seconds_bucket@@[$__rate_interval])))',
							'p95',
						],
					],
				}),
				lines({
					title: 'Requests by end',
					unit: units.RequestsPerSecond,
					stacked: true,
					description: "What became of the requests that n8n's nodes sent.",
					queries: [[`sum by (status) (rate(ollama_requests_total@@{${ASKED}}[$__rate_interval]))`, '{{status}}']],
				}),
				lines({
					title: 'Requests by model',
					unit: units.RequestsPerSecond,
					stacked: true,
					description: 'Who answered n8n.',
					queries: [
						[
							`sum by (model, host) (rate(ollama_requests_total@@{${ASKED}}[$__rate_interval]))`,
							'{{model}} on {{host}}',
						],
					],
				}),
				lines({
					title: 'Waiting',
					unit: units.Short,
					description: 'All requests that wait for a free model, whoever sent them.',
					queries: [['sum(ollama_queue_depth@@)', 'waiting']],
				}),
			],
		],
	],
});
