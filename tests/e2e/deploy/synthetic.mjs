// An exporter of series that this machine cannot have: GPUs, containers, n8n's, and those of a history store. Synthetic
// values under the real exporters' names, so that expressions over them can be seen to return data; nothing is measured
// by them.
import { createServer } from 'node:http';
import { once } from 'node:events';

const histogram = (name, labels, count) =>
	[0.1, 1, 10, '+Inf']
		.map((le, index) => `${name}_bucket{${labels},le="${le}"} ${Math.round((count * (index + 1)) / 4)}`)
		.concat(`${name}_sum{${labels}} ${count}`, `${name}_count{${labels}} ${count}`);

const series = (age) => [
	'DCGM_FI_DEV_FB_FREE{gpu="0"} 8000',
	'DCGM_FI_DEV_FB_USED{gpu="0"} 4000',
	'container_memory_working_set_bytes{name="ollama"} 2e9',
	'container_spec_memory_limit_bytes{name="ollama"} 8e9',
	'n8n_active_workflow_count 3',
	'n8n_process_resident_memory_bytes 3e8',
	'n8n_nodejs_eventloop_lag_p99_seconds 0.01',
	'smart_ai_host_power{host="tight",state="up"} 1',
	'smart_ai_host_start_seconds{host="tight"} 12',
	`ai_optimization_actions_total{host="tight",model="small:1b",action="unload",outcome="ok"} ${age}`,
	'dispatcher_history_up 1',
	`dispatcher_history_rows_total ${age}`,
	'dispatcher_history_dropped_total 0',
	...histogram('n8n_workflow_execution_duration_seconds', 'status="success",mode="trigger"', 10 + age),
];

/** Starts it: `{ address, stop() }`. Counters grow by one a second. */
export async function startSynthetic() {
	const began = Date.now();
	const server = createServer((_, response) => {
		response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
		response.end(`${series(Math.floor((Date.now() - began) / 1000)).join('\n')}\n`);
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	return { address: `127.0.0.1:${server.address().port}`, stop: () => new Promise((resolve) => server.close(resolve)) };
}
