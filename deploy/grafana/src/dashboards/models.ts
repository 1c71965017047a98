import * as units from '@grafana/grafana-foundation-sdk/units';
import { page } from '../page';
import { lines, number, rows, states } from '../panels';

const TOKENS_PER_SECOND = 'suffix:tok/s';

export const models = page({
	uid: 'smart-ai-models',
	title: 'Models & memory',
	description: 'What is loaded where, what it takes, and how fast it is.',
	anchor: 'ollama_up',
	sections: [
		[
			'Now',
			[
				number({
					title: 'Models available',
					unit: units.Short,
					description: 'Models on disk, all hosts together.',
					queries: [['sum(ollama_models_available@)', 'available']],
				}),
				number({
					title: 'Models loaded',
					unit: units.Short,
					description: 'Models in memory, all hosts together.',
					queries: [['sum(ollama_models_loaded@)', 'loaded']],
				}),
				number({
					title: 'Memory of models',
					unit: units.BytesIEC,
					description: 'RAM and VRAM that loaded models take.',
					queries: [['sum(ollama_model_size_bytes@)', 'memory']],
				}),
				number({
					title: 'In VRAM',
					unit: units.PercentUnit,
					description: "Share of the loaded models that is in a GPU's memory.",
					queries: [['sum(ollama_model_vram_bytes@) / sum(ollama_model_size_bytes@)', 'in VRAM']],
				}),
				number({
					title: 'On disk',
					unit: units.BytesIEC,
					description: 'Files of all models.',
					queries: [['sum(ollama_model_disk_bytes@)', 'disk']],
				}),
				number({
					title: 'Loads',
					unit: units.Short,
					description: 'Loads in the last hour.',
					queries: [['sum(increase(ollama_model_loads_total@[1h])) or vector(0)', 'loads']],
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
			'Memory',
			[
				lines({
					title: 'Memory by model',
					unit: units.BytesIEC,
					stacked: true,
					description: 'RAM and VRAM together.',
					queries: [['sum by (model, host) (ollama_model_size_bytes@)', '{{model}} on {{host}}']],
				}),
				lines({
					title: 'Share on the GPU',
					unit: units.PercentUnit,
					max: 1,
					description: '0 on a machine with a GPU means that the model fell back to the CPU.',
					queries: [['ollama_model_vram_bytes@ / ollama_model_size_bytes@', '{{model}} on {{host}}']],
				}),
				rows({
					title: 'Loaded models',
					unit: units.BytesIEC,
					description: 'What each takes.',
					queries: [['sum by (host, model) (ollama_model_size_bytes@)', '']],
				}),
				lines({
					title: 'Context',
					unit: 'suffix:tok',
					description: 'Tokens of context each was loaded with: memory grows with it.',
					queries: [['max by (model, host) (ollama_model_context_length_tokens@)', '{{model}} on {{host}}']],
				}),
			],
		],
		[
			'Speed',
			[
				lines({
					title: 'Writing speed',
					unit: TOKENS_PER_SECOND,
					description: 'Tokens a second while an answer is written.',
					queries: [
						[
							'sum by (model, host) (rate(ollama_generated_tokens_total@[$__rate_interval])) / sum by (model, ' +
								'host) (rate(ollama_generation_seconds_total@[$__rate_interval]))',
							'{{model}} on {{host}}',
						],
					],
				}),
				lines({
					title: 'Reading speed',
					unit: TOKENS_PER_SECOND,
					description: 'Tokens of prompts a second, cached ones included.',
					queries: [
						[
							'sum by (model, host) (rate(ollama_prompt_tokens_total@[$__rate_interval])) / sum by (model, host) ' +
								'(rate(ollama_prompt_eval_duration_seconds_sum@[$__rate_interval]))',
							'{{model}} on {{host}}',
						],
					],
				}),
				lines({
					title: 'Time of a load',
					unit: units.Seconds,
					description: 'Mean of the loads that a request waited for.',
					queries: [
						[
							'sum by (model, host) (rate(ollama_load_duration_seconds_sum@[$__rate_interval])) / sum by (model, ' +
								'host) (rate(ollama_load_duration_seconds_count@[$__rate_interval]))',
							'{{model}} on {{host}}',
						],
					],
				}),
				lines({
					title: 'Between two pieces',
					unit: units.Seconds,
					description: '95 % of answers flow at least this evenly.',
					queries: [
						[
							'histogram_quantile(0.95, sum by (le, model) ' +
								'(rate(ollama_inter_token_latency_seconds_bucket@[$__rate_interval])))',
							'{{model}}',
						],
					],
				}),
			],
		],
	],
});
