import * as units from '@grafana/grafana-foundation-sdk/units';
import { page } from '../page';
import { heat, lines, number, states } from '../panels';

const TOKENS_PER_SECOND = 'suffix:tok/s';
const quantile = (share: number, histogram: string, by = '') =>
	`histogram_quantile(${share}, sum by (le${by}) (rate(${histogram}_bucket@[$__rate_interval])))`;

export const overview = page({
	uid: 'smart-ai-overview',
	title: 'Overview',
	description: 'Are requests answered, how soon, and does the service keep its promise?',
	anchor: 'ollama_up',
	sections: [
		[
			'Promise',
			[
				number({
					title: 'Answered, last hour',
					unit: units.PercentUnit,
					limits: { warn: 0.995, bad: 0.99, falling: true },
					description:
						'Share of requests that were answered. Those that their caller cancelled do not count. Promised: 99 %.',
					queries: [['1 - smart_ai:request_failures:ratio_rate1h', 'answered']],
				}),
				number({
					title: 'Begun within 10 s, last hour',
					unit: units.PercentUnit,
					limits: { warn: 0.97, bad: 0.95, falling: true },
					description: 'Share of answers whose first piece came within 10 s. Promised: 95 %.',
					queries: [['1 - smart_ai:first_token_slow:ratio_rate1h', 'in time']],
				}),
				number({
					title: 'Requests',
					unit: units.RequestsPerMinute,
					description: 'Requests that ended, a minute.',
					queries: [['60 * sum(rate(ollama_requests_total@[$__rate_interval]))', 'requests']],
				}),
				number({
					title: 'Waiting',
					unit: units.Short,
					limits: { warn: 5, bad: 20 },
					description: 'Requests that wait for a free model.',
					queries: [['sum(ollama_queue_depth@@)', 'waiting']],
				}),
				number({
					title: 'Hosts up',
					unit: units.Short,
					description: 'Hosts that answered their last poll.',
					queries: [['sum(ollama_up@)', 'up']],
				}),
				number({
					title: 'Writing speed',
					unit: TOKENS_PER_SECOND,
					description: 'Tokens a second while an answer is written, over all models.',
					queries: [
						[
							'sum(rate(ollama_generated_tokens_total@[$__rate_interval])) / ' +
								'sum(rate(ollama_generation_seconds_total@[$__rate_interval]))',
							'speed',
						],
					],
				}),
				lines({
					title: 'Error budget burn',
					unit: units.Short,
					limits: { warn: 1, bad: 14.4 },
					description:
						'How many times faster than allowed failures use up the month. 1 uses it up exactly; 14.4 within two days.',
					queries: [
						['smart_ai:request_failures:ratio_rate5m / 0.01', '5 minutes'],
						['smart_ai:request_failures:ratio_rate1h / 0.01', '1 hour'],
						['smart_ai:request_failures:ratio_rate6h / 0.01', '6 hours'],
					],
				}),
				states({
					title: 'Hosts',
					unit: units.Short,
					good: 'up',
					bad: 'down',
					description: 'Which hosts answered when.',
					height: 8,
					queries: [['ollama_up@', '{{host}}']],
				}),
			],
		],
		[
			'Requests',
			[
				lines({
					title: 'Requests by end',
					unit: units.RequestsPerSecond,
					stacked: true,
					description: 'Answered, failed, or cancelled by their caller.',
					queries: [['sum by (status) (rate(ollama_requests_total@[$__rate_interval]))', '{{status}}']],
				}),
				lines({
					title: 'Failures by cause',
					unit: units.RequestsPerSecond,
					stacked: true,
					description: 'Failed requests by the word of their failure. Nothing is shown while nothing fails.',
					queries: [
						[
							'sum by (error_type) (rate(ollama_requests_total@{status="error"}[$__rate_interval])) or vector(0)',
							'{{error_type}}',
						],
					],
				}),
				lines({
					title: 'Requests by model',
					unit: units.RequestsPerSecond,
					stacked: true,
					description: 'Which models answer.',
					queries: [['sum by (model) (rate(ollama_requests_total@[$__rate_interval]))', '{{model}}']],
				}),
				lines({
					title: 'Requests by client',
					unit: units.RequestsPerSecond,
					stacked: true,
					description: 'Which kinds of programs ask.',
					queries: [['sum by (client) (rate(ollama_requests_total@[$__rate_interval]))', '{{client}}']],
				}),
			],
		],
		[
			'Latency',
			[
				lines({
					title: 'Until the last token',
					unit: units.Seconds,
					description: 'From the request to its last byte: half, 95 % and 99 % of requests take less.',
					queries: [
						[quantile(0.5, 'ollama_request_duration_seconds'), 'p50'],
						[quantile(0.95, 'ollama_request_duration_seconds'), 'p95'],
						[quantile(0.99, 'ollama_request_duration_seconds'), 'p99'],
					],
				}),
				lines({
					title: 'Until the first token, cold and warm',
					unit: units.Seconds,
					limits: { warn: 10, bad: 10 },
					description: '95 % of answers begin sooner. Cold: the model had to be loaded first.',
					queries: [[quantile(0.95, 'ollama_time_to_first_token_seconds', ', start'), 'p95 {{start}}']],
				}),
				heat({
					title: 'First tokens',
					unit: units.Seconds,
					description: 'How many answers began after how long.',
					buckets: 'sum by (le) (increase(ollama_time_to_first_token_seconds_bucket@[$__rate_interval]))',
				}),
				lines({
					title: 'Where the time goes',
					unit: units.Seconds,
					stacked: true,
					description:
						'Mean seconds of a request in each phase: waiting here, waiting in Ollama, loading, reading, writing.',
					queries: [
						[
							'sum(rate(ollama_queue_wait_seconds_sum@[$__rate_interval])) / ' +
								'sum(rate(ollama_queue_wait_seconds_count@[$__rate_interval]))',
							'waiting here',
						],
						[
							'sum(rate(ollama_slot_wait_seconds_sum@[$__rate_interval])) / ' +
								'sum(rate(ollama_slot_wait_seconds_count@[$__rate_interval]))',
							'waiting in Ollama',
						],
						[
							'sum(rate(ollama_load_duration_seconds_sum@[$__rate_interval])) / ' +
								'sum(rate(ollama_request_duration_seconds_count@[$__rate_interval]))',
							'loading',
						],
						[
							'sum(rate(ollama_prompt_eval_duration_seconds_sum@[$__rate_interval])) / ' +
								'sum(rate(ollama_prompt_eval_duration_seconds_count@[$__rate_interval]))',
							'reading',
						],
						[
							'sum(rate(ollama_generation_duration_seconds_sum@[$__rate_interval])) / ' +
								'sum(rate(ollama_generation_duration_seconds_count@[$__rate_interval]))',
							'writing',
						],
					],
				}),
			],
		],
		[
			'Tokens',
			[
				lines({
					title: 'Tokens',
					unit: TOKENS_PER_SECOND,
					stacked: true,
					description: 'Tokens read and written a second, over all requests at once.',
					queries: [
						['sum(rate(ollama_prompt_tokens_total@[$__rate_interval]))', 'read'],
						['sum(rate(ollama_generated_tokens_total@[$__rate_interval]))', 'written'],
					],
				}),
				lines({
					title: 'Cut prompts',
					unit: units.Short,
					description: 'Prompts that filled the context, in the last hour: what did not fit was left out silently.',
					queries: [['sum by (model) (increase(ollama_context_truncated_total@[1h])) or vector(0)', '{{model}}']],
				}),
			],
		],
	],
});
