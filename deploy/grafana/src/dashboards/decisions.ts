import * as units from '@grafana/grafana-foundation-sdk/units';
import { page } from '../page';
import { heat, lines, number, rows, states } from '../panels';

export const decisions = page({
	uid: 'smart-ai-decisions',
	title: 'Decisions',
	description: 'Who was chosen, why, and did it take as long as expected?',
	anchor: 'ollama_up',
	sections: [
		[
			'At a glance',
			[
				number({
					title: 'Decisions',
					unit: units.OpsPerMinute,
					description: 'Calls begun, a minute.',
					queries: [['60 * sum(rate(dispatcher_decisions_total@[$__rate_interval]))', 'decisions']],
				}),
				number({
					title: 'Actual ÷ predicted',
					unit: units.Short,
					description: 'What jobs took, by what was expected of them. Above 1: they took longer.',
					queries: [
						[
							'sum(increase(dispatcher_actual_seconds_total@[1h])) / ' +
								'sum(increase(dispatcher_predicted_seconds_total@[1h]))',
							'ratio',
						],
					],
				}),
				number({
					title: 'Median error',
					unit: units.PercentUnit,
					limits: { warn: 0.25, bad: 0.5 },
					description: 'Half of the predictions of the last hour were closer to what the job took. The goal is 25 %.',
					queries: [
						['histogram_quantile(0.5, sum by (le) (increase(dispatcher_prediction_error_ratio_bucket@[1h])))', 'error'],
					],
				}),
				number({
					title: 'Saved by fallbacks',
					unit: units.Short,
					description:
						'Jobs of the last hour that were answered although a call had failed: calls that went well after a ' +
						'failed one.',
					queries: [['sum(increase(dispatcher_decisions_total@{reason="fallback"}[1h])) or vector(0)', 'calls']],
				}),
				number({
					title: 'Time to decide',
					unit: units.Seconds,
					limits: { warn: 0.005, bad: 0.05 },
					description: '95 % of decisions take less computing time.',
					queries: [
						[
							'histogram_quantile(0.95, sum by (le) (rate(dispatcher_decision_seconds_bucket@@[$__rate_interval])))',
							'p95',
						],
					],
				}),
				number({
					title: 'Regret of a job',
					unit: units.Seconds,
					description:
						'Estimate, mean over the last hour: how much worse a job did than the best other arm was expected to.',
					queries: [
						[
							'(sum(increase(dispatcher_regret_seconds_total@[1h])) or vector(0)) / ' +
								'sum(increase(dispatcher_prediction_error_ratio_count@[1h]))',
							'regret',
						],
					],
				}),
			],
		],
		[
			'Who and why',
			[
				lines({
					title: 'Chosen arms',
					unit: units.OpsPerSecond,
					stacked: true,
					description: 'Which model on which host gets the calls.',
					queries: [
						['sum by (model, host) (rate(dispatcher_decisions_total@[$__rate_interval]))', '{{model}} on {{host}}'],
					],
				}),
				lines({
					title: 'Reasons',
					unit: units.OpsPerSecond,
					stacked: true,
					description:
						'score: the lowest expected seconds. look_ahead: sampled futures overruled it. pinned: the caller ' +
						'named the model. only: nothing to choose. fallback: an earlier call failed.',
					queries: [['sum by (reason) (rate(dispatcher_decisions_total@[$__rate_interval]))', '{{reason}}']],
				}),
				rows({
					title: 'Tasks and models, last hour',
					unit: units.Short,
					description: 'Calls of each kind of task by model.',
					hidden: [],
					queries: [['sum by (task, model, host, reason) (increase(dispatcher_decisions_total@[1h])) > 0', '']],
				}),
				lines({
					title: 'Jobs by task',
					unit: units.OpsPerSecond,
					stacked: true,
					description: 'Jobs that ended, by the kind of work.',
					queries: [['sum by (task) (rate(dispatcher_jobs_total@@[$__rate_interval]))', '{{task}}']],
				}),
			],
		],
		[
			'Predicted and actual',
			[
				lines({
					title: 'Predicted and actual seconds of a job',
					unit: units.Seconds,
					description: 'Means over the jobs that succeeded. The closer the lines, the better the estimates.',
					queries: [
						[
							'sum(rate(dispatcher_predicted_seconds_total@[$__rate_interval])) / ' +
								'sum(rate(dispatcher_prediction_error_ratio_count@[$__rate_interval]))',
							'predicted',
						],
						[
							'sum(rate(dispatcher_actual_seconds_total@[$__rate_interval])) / ' +
								'sum(rate(dispatcher_prediction_error_ratio_count@[$__rate_interval]))',
							'actual',
						],
					],
				}),
				heat({
					title: 'Errors of predictions',
					unit: units.PercentUnit,
					description: 'How many predictions were off by which share of the actual time.',
					buckets: 'sum by (le) (increase(dispatcher_prediction_error_ratio_bucket@[$__rate_interval]))',
				}),
				lines({
					title: 'Median error by arm',
					unit: units.PercentUnit,
					limits: { warn: 0.25, bad: 0.25 },
					description: 'Half of the predictions for an arm are closer.',
					queries: [
						[
							'histogram_quantile(0.5, sum by (le, host, model) ' +
								'(rate(dispatcher_prediction_error_ratio_bucket@[$__rate_interval])))',
							'{{model}} on {{host}}',
						],
					],
				}),
				lines({
					title: 'Regret',
					unit: units.Seconds,
					description:
						'Estimates, seconds a minute over all jobs. Regret: how much worse jobs did than the best other arm ' +
						'was expected to. Avoided: what sampled futures promised to save where they overruled the score.',
					queries: [
						['60 * sum(rate(dispatcher_regret_seconds_total@[$__rate_interval])) or vector(0)', 'regret'],
						[
							'60 * sum(rate(dispatcher_look_ahead_gain_seconds_total@@[$__rate_interval]))',
							'avoided by looking ahead',
						],
					],
				}),
			],
		],
		[
			'Trouble',
			[
				lines({
					title: 'Calls by outcome',
					unit: units.OpsPerSecond,
					stacked: true,
					description: 'How calls of hosts ended.',
					queries: [['sum by (outcome) (rate(dispatcher_attempts_total@[$__rate_interval]))', '{{outcome}}']],
				}),
				lines({
					title: 'Fallbacks by cause',
					unit: units.OpsPerMinute,
					stacked: true,
					description: 'Calls after a failed one of the same job, a minute. Nothing is shown while nothing fails.',
					queries: [
						['60 * sum by (cause) (rate(dispatcher_fallbacks_total@@[$__rate_interval])) or vector(0)', '{{cause}}'],
					],
				}),
				states({
					title: 'Hosts taking jobs',
					unit: units.Short,
					good: 'takes jobs',
					bad: 'left alone',
					description: 'A host is left alone for a while after failures.',
					queries: [['1 - dispatcher_breaker_open@', '{{host}}']],
				}),
				lines({
					title: 'Age of signals',
					unit: units.Seconds,
					height: 6,
					description: 'How old each measured fact is. Beyond three scrape intervals it no longer counts.',
					queries: [['dispatcher_metric_age_seconds@', '{{host}} {{signal}}']],
				}),
			],
		],
	],
});
