import * as units from '@grafana/grafana-foundation-sdk/units';
import { page } from '../page';
import { lines, number, states } from '../panels';

export const hosts = page({
	uid: 'smart-ai-hosts',
	title: 'Hosts',
	description: 'What each machine has left, and how it answers.',
	anchor: 'ollama_up',
	sections: [
		[
			'Machines',
			[
				number({
					title: 'Least memory',
					unit: units.PercentUnit,
					limits: { warn: 0.15, bad: 0.08, falling: true },
					description: 'Available memory of the machine that has least of it.',
					queries: [['min(smart_ai:host_memory_available:ratio)', 'available']],
				}),
				number({
					title: 'Busiest CPU',
					unit: units.PercentUnit,
					limits: { warn: 0.8, bad: 0.95 },
					description: 'Of all machines.',
					queries: [['max(smart_ai:host_cpu_busy:ratio)', 'busy']],
				}),
				number({
					title: 'Least VRAM',
					unit: units.PercentUnit,
					limits: { warn: 0.15, bad: 0.05, falling: true },
					description: 'Free memory of the GPU that has least of it; empty without an exporter for GPUs.',
					queries: [['min(smart_ai:host_vram_free:ratio)', 'free']],
				}),
				number({
					title: 'In flight',
					unit: units.Short,
					description: 'Calls that hosts are answering.',
					queries: [['sum(ollama_requests_in_flight@)', 'calls']],
				}),
				number({
					title: 'Left alone',
					unit: units.Short,
					limits: { warn: 1, bad: 2 },
					description: 'Hosts whose breaker is open.',
					queries: [['sum(dispatcher_breaker_open@)', 'hosts']],
				}),
				number({
					title: 'Stale signals',
					unit: units.Short,
					limits: { warn: 1, bad: 3 },
					description: 'Measured facts too old to count.',
					queries: [['sum(dispatcher_metric_stale@)', 'signals']],
				}),
				lines({
					title: 'CPU',
					unit: units.PercentUnit,
					max: 1,
					description: 'Busy share of all cores.',
					queries: [['smart_ai:host_cpu_busy:ratio', '{{instance}}']],
				}),
				lines({
					title: 'Memory available',
					unit: units.PercentUnit,
					max: 1,
					description: 'What a load could take without pushing anything out.',
					queries: [['smart_ai:host_memory_available:ratio', '{{instance}}']],
				}),
				lines({
					title: 'VRAM free',
					unit: units.PercentUnit,
					max: 1,
					description: "The fullest GPU of each machine. By DCGM, nvidia_gpu_exporter or AMD's exporter.",
					queries: [['smart_ai:host_vram_free:ratio', '{{instance}}']],
				}),
				lines({
					title: "Memory of Ollama's container",
					unit: units.BytesIEC,
					description: 'Working set by cAdvisor, where Ollama runs in a container.',
					queries: [['smart_ai:signals{smart_ai="cadvisor/container_memory_bytes/value"}', '{{instance}}']],
				}),
			],
		],
		[
			'Ollama',
			[
				states({
					title: 'Answers',
					unit: units.Short,
					good: 'up',
					bad: 'down',
					description: 'Which hosts answered their polls.',
					queries: [['ollama_up@', '{{host}}']],
				}),
				lines({
					title: 'Calls under way',
					unit: units.Short,
					height: 6,
					stacked: true,
					description: 'By host.',
					queries: [['sum by (host) (ollama_requests_in_flight@)', '{{host}}']],
				}),
				lines({
					title: 'Time of a poll',
					unit: units.Seconds,
					description: 'A host that answers slowly is overloaded, or swaps.',
					queries: [['ollama_scrape_duration_seconds@', '{{host}} {{endpoint}}']],
				}),
				lines({
					title: 'Failed polls',
					unit: units.Short,
					description: 'In the last hour, by reason. Nothing is shown while none fails.',
					queries: [
						['sum by (host, reason) (increase(ollama_scrape_errors_total@[1h])) or vector(0)', '{{host}} {{reason}}'],
					],
				}),
				lines({
					title: 'Waiting for a slot in Ollama',
					unit: units.Seconds,
					description: '95 % of calls wait less. Much of it says that somebody calls this host past the dispatcher.',
					queries: [
						[
							'histogram_quantile(0.95, sum by (le, host) (rate(ollama_slot_wait_seconds_bucket@[$__rate_interval])))',
							'{{host}}',
						],
					],
				}),
				lines({
					title: 'Requests by host',
					unit: units.RequestsPerSecond,
					stacked: true,
					description: 'Who does the work.',
					queries: [['sum by (host) (rate(ollama_requests_total@[$__rate_interval]))', '{{host}}']],
				}),
			],
		],
	],
});
