import * as units from '@grafana/grafana-foundation-sdk/units';
import { page } from '../page';
import { heat, lines, number, states } from '../panels';

export const lifecycle = page({
	uid: 'smart-ai-lifecycle',
	title: 'Lifecycle',
	description: 'Loads, unloads, and memory that nobody uses.',
	anchor: 'ollama_up',
	sections: [
		[
			'Now',
			[
				number({
					title: 'Loads',
					unit: units.Short,
					description: 'In the last hour.',
					queries: [['sum(increase(ollama_model_loads_total@[1h])) or vector(0)', 'loads']],
				}),
				number({
					title: 'Reloads',
					unit: units.Short,
					limits: { warn: 5, bad: 20 },
					description: 'Loads of the last hour of a model that had left memory less than 10 minutes before.',
					queries: [['sum(increase(ollama_reloads_total@[1h])) or vector(0)', 'reloads']],
				}),
				number({
					title: 'Pushed out',
					unit: units.Short,
					description: 'Unloads of the last hour because another model came in.',
					queries: [['sum(increase(ollama_model_unloads_total@{reason="evicted"}[1h])) or vector(0)', 'pushed out']],
				}),
				number({
					title: 'Idle memory',
					unit: units.BytesIEC,
					description: 'Memory of loaded models that answer nothing right now.',
					queries: [
						[
							'sum(ollama_model_size_bytes@ unless on (host, model, instance) (ollama_requests_in_flight@ > 0)) ' +
								'or vector(0)',
							'idle',
						],
					],
				}),
				number({
					title: 'Answers after a load',
					unit: units.PercentUnit,
					limits: { warn: 0.2, bad: 0.5 },
					description: "Share of the last hour's answers that had to wait for their model.",
					queries: [
						[
							'sum(increase(ollama_time_to_first_token_seconds_count@{start="cold"}[1h])) / ' +
								'sum(increase(ollama_time_to_first_token_seconds_count@[1h])) or vector(0)',
							'cold',
						],
					],
				}),
				number({
					title: 'Cold start',
					unit: units.Seconds,
					limits: { warn: 10, bad: 30 },
					description: 'Mean time to the first piece where the model had to be loaded, last hour.',
					queries: [
						[
							'sum(increase(dispatcher_cold_start_seconds_sum@[1h])) / ' +
								'sum(increase(dispatcher_cold_start_seconds_count@[1h]))',
							'cold start',
						],
					],
				}),
				states({
					title: 'In memory',
					unit: units.Short,
					good: 'loaded',
					bad: 'not',
					width: 24,
					height: 8,
					description: 'Which model was in memory when.',
					queries: [['ollama_model_loaded@', '{{model}} on {{host}}']],
				}),
			],
		],
		[
			'By itself',
			[
				states({
					title: 'Who acts',
					unit: units.Short,
					good: 'acts',
					bad: 'stands by',
					description: 'Which program holds the lock and acts on the fleet.',
					queries: [['smart_ai_lifecycle_acting@@', '{{instance}}']],
				}),
				states({
					title: 'Mode',
					unit: units.Short,
					good: 'yes',
					bad: 'no',
					description: 'Whether models come and go by themselves. Nothing: it is off.',
					queries: [['max by (mode) (smart_ai_lifecycle_mode@@)', '{{mode}}']],
				}),
				lines({
					title: 'Memory saved, GB × hours',
					unit: units.Short,
					description:
						'Gigabytes of memory times hours that models were not held for nothing, since the start: against a host ' +
						"that keeps every model, and against the hosts' own keep-alive. In a dry run, what would have been saved.",
					queries: [['sum by (against) (smart_ai_saved_gb_hours@@)', 'against {{against}}']],
				}),
				lines({
					title: 'Memory held',
					unit: units.BytesIEC,
					stacked: true,
					description: 'Memory of each loaded model.',
					queries: [['ollama_model_size_bytes@', '{{model}} on {{host}}']],
				}),
				lines({
					title: 'Decided',
					unit: units.Short,
					stacked: true,
					description: 'Unloads, loads, starts and stops decided on in an hour, dry runs too.',
					queries: [
						['sum by (action, mode) (increase(ai_resource_decisions_total@[1h])) or vector(0)', '{{action}} {{mode}}'],
					],
				}),
				lines({
					title: 'Done',
					unit: units.Short,
					stacked: true,
					description: 'Of these, carried out in an hour, and those that failed.',
					queries: [
						['sum by (action, outcome) (increase(ai_optimization_actions_total@[1h]))', '{{action}} {{outcome}}'],
					],
				}),
				lines({
					title: 'Actions against the cap',
					unit: units.Short,
					description: 'Actions of the last hour, and how many there may be.',
					queries: [
						['max(smart_ai_lifecycle_actions_last_hour@@)', 'actions'],
						['max(smart_ai_lifecycle_max_actions_per_hour@@)', 'cap'],
					],
				}),
				lines({
					title: 'Demand',
					unit: units.Short,
					description:
						'Calls under way and requests that wait, at least 1 for five minutes after the last: what an autoscaler ' +
						'goes by.',
					queries: [['sum by (model) (smart_ai_demand@@)', '{{model}}']],
				}),
				states({
					title: 'Hosts that start and stop',
					unit: units.Short,
					good: 'yes',
					bad: 'no',
					width: 24,
					height: 8,
					description: 'How each host stands that can be started and stopped.',
					queries: [['smart_ai_host_power@', '{{host}} {{state}}']],
				}),
				lines({
					title: 'A start takes',
					unit: units.Seconds,
					width: 24,
					description: 'How long the start of such a host is expected to take, from past starts.',
					queries: [['smart_ai_host_start_seconds@', '{{host}}']],
				}),
			],
		],
		[
			'Comings and goings',
			[
				lines({
					title: 'Loads by reason',
					unit: units.Short,
					stacked: true,
					description: "In ten minutes. request: a request through here waited for it. foreign: somebody else's.",
					queries: [['sum by (reason) (increase(ollama_model_loads_total@[10m])) or vector(0)', '{{reason}}']],
				}),
				lines({
					title: 'Unloads by reason',
					unit: units.Short,
					stacked: true,
					description: 'In ten minutes. expired: not used for long. evicted: another came in. asked: on request.',
					queries: [['sum by (reason) (increase(ollama_model_unloads_total@[10m])) or vector(0)', '{{reason}}']],
				}),
				lines({
					title: 'Reloads by cause',
					unit: units.Short,
					stacked: true,
					description: 'In ten minutes: work that keeping the model would have saved.',
					queries: [['sum by (cause) (increase(ollama_reloads_total@[10m])) or vector(0)', '{{cause}}']],
				}),
				lines({
					title: 'Time left',
					unit: units.Seconds,
					description: 'Until each loaded model leaves memory unless it is used.',
					queries: [['(ollama_model_expires_timestamp_seconds@ < 1e10) - time()', '{{model}} on {{host}}']],
				}),
			],
		],
		[
			'What it costs',
			[
				heat({
					title: 'Cold starts',
					unit: units.Seconds,
					description: 'How many answers had to wait for their model for how long.',
					buckets: 'sum by (le) (increase(dispatcher_cold_start_seconds_bucket@[$__rate_interval]))',
				}),
				lines({
					title: 'Memory in use and idle',
					unit: units.BytesIEC,
					stacked: true,
					description: 'Memory of models that answer something right now, and of those that do not.',
					queries: [
						[
							'sum(ollama_model_size_bytes@ and on (host, model, instance) (ollama_requests_in_flight@ > 0)) or ' +
								'vector(0)',
							'in use',
						],
						[
							'sum(ollama_model_size_bytes@ unless on (host, model, instance) (ollama_requests_in_flight@ > 0)) ' +
								'or vector(0)',
							'idle',
						],
					],
				}),
			],
		],
	],
});
