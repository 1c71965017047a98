// The fault matrix: what goes wrong, and what must become of the job. Faults hit host `a`, which is asked first.
import { signals } from './fleet.mjs';

const both = (fault) => ({ a: fault, b: fault });
const absurd = [NaN, -5, 1e300].flatMap((value) => [
	['a:1', 'cpu_busy_ratio', value, 1],
	['a:1', 'memory_available_bytes', value, 1],
]);
const GB = 1e9;

/**
 * `before`: faults that the first look meets; `fault`: faults that come after it, so that the call meets them;
 * `metrics`: what the metrics server says;
 * `healed`: asked, in vain at first, until the faults that were there before are over and that has been seen;
 * `canary`: asked until the fault is over and host `a` has been asked for a token, every job answered by `b`; then the
 * job is for `a`;
 * `attempts`: host and outcome of each call in order, `?` where the host is left open;
 * `certificate`: host `a` is a server with this certificate; `why`: what the decision says of it;
 * `error`: the code of a job that cannot succeed.
 */
export const rows = [
	{ name: 'no fault', attempts: ['a ok'] },
	{ name: 'no fault, hosts looked at before', fault: {}, attempts: ['a ok'] },

	{ name: 'host down at the first look', before: { a: { kind: 'down' } }, attempts: ['b ok'] },
	{ name: 'host down at connect', fault: { a: { kind: 'down' } }, attempts: ['a unreachable', 'b ok'] },
	{ name: 'connections reset', fault: { a: { kind: 'down', reset: true } }, attempts: ['a unreachable', 'b ok'] },
	{ name: 'both hosts down', before: both({ kind: 'down' }), attempts: [], error: 'no_host' },

	{ name: '503 on one host', fault: { a: { kind: 'busy' } }, attempts: ['a busy', 'b ok'] },
	{ name: '503 storm on every host', fault: both({ kind: 'busy', count: 1 }), attempts: ['a busy', 'b busy', '? ok'] },

	{ name: 'hang with green /api/tags', fault: { a: { kind: 'hang' } }, attempts: ['a first_token_timeout', 'b ok'] },
	{
		name: 'hang with green /api/tags that ends: seen by a canary',
		fault: { a: { kind: 'hang' } },
		canary: true,
		attempts: ['a ok'],
	},
	{ name: 'slow ×5', fault: { a: { kind: 'slow', factor: 5 } }, attempts: ['a ok'] },

	{ name: 'out of memory at load', cold: true, fault: { a: { kind: 'oom' } }, attempts: ['a out_of_memory', 'b ok'] },
	{
		name: 'runner crash before the first token',
		fault: { a: { kind: 'error_line', after_tokens: 0 } },
		attempts: ['a server_error', 'b ok'],
	},
	{
		name: 'runner crash in mid-stream',
		fault: { a: { kind: 'error_line', after_tokens: 5 } },
		attempts: ['a server_error', 'b ok'],
	},
	{
		name: 'error line inside a 200 stream',
		fault: { a: { kind: 'error_line', after_tokens: 5, text: 'an error nobody knows' } },
		attempts: ['a cut_off', 'b ok'],
	},
	{
		name: 'connection cut in mid-stream',
		fault: { a: { kind: 'cut', after_tokens: 5, abrupt: true } },
		attempts: ['a cut_off', 'b ok'],
	},
	{
		name: 'end of stream without done',
		fault: { a: { kind: 'cut', after_tokens: 5 } },
		attempts: ['a cut_off', 'b ok'],
	},
	{
		name: 'garbage bytes in mid-stream',
		fault: { a: { kind: 'garbage', after_tokens: 5 } },
		attempts: ['a bad_protocol', 'b ok'],
	},
	{ name: "a proxy's HTML page", fault: { a: { kind: 'html' } }, attempts: ['a server_error', 'b ok'] },
	{ name: 'split UTF-8, one byte at a time', fault: both({ kind: 'split' }), attempts: ['a ok'] },

	{
		name: 'cut after text was handed out',
		streaming: true,
		fault: { a: { kind: 'cut', after_tokens: 5 } },
		attempts: ['a cut_off'],
		error: 'cut_off',
	},
	{
		name: '503 before text was handed out',
		streaming: true,
		fault: { a: { kind: 'busy' } },
		attempts: ['a busy', 'b ok'],
	},

	{ name: 'model removed (404)', fault: { a: { kind: 'missing' } }, attempts: ['a model_missing', 'b ok'] },
	{
		name: 'model pulled while running',
		config: { refresh_ms: 100 },
		before: both({ kind: 'missing' }),
		healed: true,
		attempts: ['? ok'],
	},

	{
		name: '/api/ps blocks 10 s at the first look',
		before: { a: { kind: 'ps_block', delay_s: 10 } },
		attempts: ['b ok'],
	},
	{
		name: '/api/ps blocks 10 s later',
		config: { refresh_ms: 100 },
		fault: { a: { kind: 'ps_block', delay_s: 10 } },
		attempts: ['a ok'],
	},

	{ name: 'metrics: nobody listens', metrics: null, attempts: ['a ok'] },
	{ name: 'metrics: never answer', metrics: () => {}, attempts: ['a ok'] },
	{ name: 'metrics: not Prometheus', metrics: (response) => response.end('<html>'), attempts: ['a ok'] },
	{ name: 'metrics: impossible numbers', metrics: signals(...absurd), attempts: ['a ok'] },
	{
		name: 'metrics: a day old',
		config: { limits: { max_cpu_percent: 50 } },
		metrics: signals(['a:1', 'cpu_busy_ratio', 1, 86_400], ['b:1', 'cpu_busy_ratio', 1, 86_400]),
		attempts: ['a ok'],
	},
	{
		name: 'metrics: an idle host is said to be full',
		metrics: signals(['a:1', 'cpu_busy_ratio', 1, 1]),
		attempts: ['b ok'],
	},
	{
		name: 'metrics: a full host is said to be empty',
		cold: true,
		metrics: signals(['a:1', 'memory_available_bytes', 512 * GB, 1], ['a:1', 'memory_total_bytes', 512 * GB, 1]),
		fault: { a: { kind: 'oom' } },
		attempts: ['a out_of_memory', 'b ok'],
	},

	{ name: 'name that does not resolve', url: { a: 'http://smart-ai.invalid:11434' }, attempts: ['b ok'] },
	{ name: 'TLS where none is spoken', url: { a: (host) => host.replace('http:', 'https:') }, attempts: ['b ok'] },
	{ name: 'TLS: a certificate that has expired', certificate: 'expired', attempts: ['b ok'], why: /expired/i },
	{
		name: 'TLS: a certificate of an unknown authority',
		certificate: 'unknown',
		attempts: ['b ok'],
		why: /self-signed|UnknownIssuer/,
	},
	{
		name: '401 for every path',
		before: { a: { kind: 'status', status: 401, paths: ['/api/version', '/api/tags', '/api/ps', '/api/chat'] } },
		attempts: ['b ok'],
	},
	{ name: '401 for the call', fault: { a: { kind: 'status', status: 401 } }, attempts: ['a unauthorized', 'b ok'] },
	{ name: '403 for the call', fault: { a: { kind: 'status', status: 403 } }, attempts: ['a unauthorized', 'b ok'] },
	{
		name: '401 everywhere',
		fault: both({ kind: 'status', status: 401 }),
		attempts: ['a unauthorized', 'b unauthorized'],
		error: 'unauthorized',
	},
];
