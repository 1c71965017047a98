// docs/metrics.md against what a scrape shows; and a real Prometheus that scrapes it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { needOrSkip, scratchFolder, stopAll, until } from '../bed/index.mjs';
import { build, startHost, startSidecar } from './sidecar.mjs';

const models = [{ name: 'small:latest', prefill_tok_per_s: 2000, decode_tok_per_s: 500, load_s: 0.1 }];

after(stopAll);

/** The tables of docs/metrics.md: name, type, unit and labels. */
function documented() {
	const text = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
	const rows = [...text.matchAll(/^\| `([a-z_0-9]+)` \| (gauge|counter|histogram) \| ([^|]*)\| ([^|]*)\|/gm)];
	// OpenMetrics tells a unit that the name ends in.
	const unit = (name, words) => (name.replace(/_total$/, '').endsWith(`_${words}`) ? words : '');
	return new Map(
		rows.map(([, name, type, words, labels]) => [
			name,
			{
				type,
				unit: unit(name, words.trim()),
				labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label).sort(),
			},
		]),
	);
}

/** The same as a scrape shows it. */
function shown({ types, units, samples }) {
	const found = new Map();
	for (const [family, type] of types) {
		const name = type === 'counter' ? `${family}_total` : family;
		const own = samples.find((sample) => sample.name === name || sample.name === `${family}_count`);
		found.set(name, { type, unit: units.get(family) ?? '', labels: Object.keys(own?.labels ?? {}).sort() });
	}
	return found;
}

/** What llama.cpp's server and an Ollama with metrics say, in one. */
const NATIVE = `# TYPE ollama_eval_total counter
ollama_eval_total{model="a",reason="stop"} 103
ollama_eval_total{model="b \\"}",reason="stop"} 7
ollama_prompt_eval_total{model="a",reason="stop"} 20
llamacpp:requests_processing 1
llamacpp:requests_deferred 2
ollama_queue_capacity 512
ollama_peak_memory_bytes 3e9
nobody_knows{prompt="secret"} 1
`;

test('what two public exporters tell, ours tells by a name that is documented', () => {
	const text = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
	const rows = [...text.matchAll(/^\| `(\w+)` \| (?:both|lucavb|maravexa) \| ([^|]*)\|/gm)];
	assert.equal(rows.length, 25);
	const known = documented();
	for (const [, theirs, ours] of rows) {
		const names = [...ours.matchAll(/\b(?:ollama|smart_ai)_\w+/g)].map(([name]) => name.replace(/_sum$/, ''));
		assert.ok(names.length > 0 || ours.includes('the line above'), `nothing beside ${theirs}`);
		for (const name of names) assert.ok(known.has(name), `${name}, beside ${theirs}, is no metric of ours`);
	}
});

const fronts = [];
after(() => {
	for (const server of fronts) {
		server.close();
		server.closeAllConnections();
	}
});

/** A server that has `/metrics` and passes everything else on; what `holds` takes gets no answer. */
async function startFront(url, metrics, holds = () => false) {
	const server = createServer(async (request, response) => {
		if (holds(request, response)) return;
		if (request.url === '/metrics') return response.end(typeof metrics === 'function' ? metrics() : metrics);
		const body = request.method === 'GET' ? undefined : await text(request);
		const answer = await fetch(url + request.url, { method: request.method, body }).catch(() => null);
		if (answer === null) return response.destroy();
		response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' });
		response.end(Buffer.from(await answer.arrayBuffer()));
	});
	fronts.push(server.listen(0, '127.0.0.1'));
	await once(server, 'listening');
	return { url: `http://127.0.0.1:${server.address().port}` };
}

test("a host's own metrics are shown under our names, and hostile ones are not", async () => {
	const program = build();
	const host = await startHost(program, { models });
	let page = NATIVE;
	const front = await startFront(host.url, () => page);
	const sidecar = await startSidecar(program, { pc: front.url, nas: host.url });
	const seen = await until('its metrics', async () => {
		const now = await sidecar.scrape();
		return now.sum('ollama_native_metrics_up') > 0 && now;
	});
	const native = seen.samples.filter(
		({ name }) => name.startsWith('ollama_native_') && name !== 'ollama_native_metrics_up',
	);
	assert.deepEqual(
		native.map(({ name, value }) => [name.replace('ollama_native_', ''), value]),
		[
			['requests_running', 1],
			['requests_queued', 2],
			['queue_capacity', 512],
			['peak_memory_bytes', 3e9],
			['prompt_tokens', 20],
			['generated_tokens', 110],
		],
	);
	assert.deepEqual(
		[seen.sum('ollama_native_metrics_up', { host: 'pc' }), seen.sum('ollama_native_metrics_up', { host: 'nas' })],
		[1, 0],
	);
	assert.ok(!seen.text.includes('secret'));
	page = `ollama_eval_total NaN\n${'<html>'.repeat(1 << 20)}`;
	const gone = await until('they are gone', async () => {
		const now = await sidecar.scrape();
		return now.sum('ollama_native_metrics_up') === 0 && now;
	});
	assert.equal(gone.sum('ollama_up', { host: 'pc' }), 1);
	assert.equal(gone.sum('ollama_native_generated_tokens'), 0);
});

const chat = (proxy, body = {}) =>
	fetch(`${proxy}/api/chat`, {
		method: 'POST',
		body: JSON.stringify({ model: 'auto', messages: [{ role: 'user', content: 'Hello' }], ...body }),
	}).then((response) => response.text());

test('every metric is documented with its type and labels, and every documented one is shown', async (t) => {
	const bed = await needOrSkip(t, 'prometheus');
	if (!bed) return;
	const program = build();
	const exporter = await bed.prometheus.startNodeExporter();
	const node = await bed.prometheus.start({
		targets: [{ job: 'node', address: exporter.address, labels: { instance: '127.0.0.1' } }],
	});
	const idle = 'rate(node_cpu_seconds_total{mode="idle"}[1m])';
	await until('two scrapes', async () => (await node.query(idle)).length > 0);
	const [pc, nas] = [await startHost(program, { models }), await startHost(program, { models })];
	const told = await startFront(nas.url, NATIVE);
	const config = join(scratchFolder('metrics'), 'smart-ai.toml');
	const host = (id, url) => `[[hosts]]\nid = "${id}"\nurl = "${url}"\n`;
	const hosts = [host('pc', pc.url), host('nas', told.url), host('gone', 'http://127.0.0.1:1')].join('');
	writeFileSync(config, `${hosts}start = { command = ["false"] }\n[lifecycle]\nmode = "on"\n`);
	const sidecar = await startSidecar(program, {}, ['--prometheus', node.url, '--config', config]);
	await until('the signals', async () => (await sidecar.scrape()).sum('dispatcher_metric_age_seconds') > 0);
	const headers = { 'content-type': 'application/json' };
	const wish = { method: 'POST', headers, body: JSON.stringify({ model: 'small:latest', host: 'pc' }) };
	assert.equal((await (await fetch(`${sidecar.proxy}/smart-ai/prepare`, wish)).json()).state, 'loaded');
	await chat(sidecar.proxy);
	await pc.fault({ kind: 'status', status: 500, text: 'broken', paths: ['/api/chat'] });
	await nas.fault({ kind: 'status', status: 500, text: 'broken', paths: ['/api/chat'], count: 1 });
	await chat(sidecar.proxy);
	const seen = await until('a fallback and a loaded model', async () => {
		const now = await sidecar.scrape();
		return (
			now.sum('dispatcher_fallbacks_total') > 0 &&
			now.sum('ollama_models_loaded') > 0 &&
			now.sum('dispatcher_jobs_total') > 1 &&
			now.sum('ai_optimization_actions_total') > 0 &&
			now
		);
	});
	assert.match(seen.contentType, /^application\/openmetrics-text; version=1\.0\.0/);
	assert.ok(seen.text.endsWith('# EOF\n'));
	assert.deepEqual(Object.fromEntries([...shown(seen)].sort()), Object.fromEntries([...documented()].sort()));

	const prometheus = await bed.prometheus.start({ targets: [{ job: 'ollama', url: sidecar.metrics }] });
	const value = async (expression) => Number((await prometheus.query(expression))[0]?.value[1]);
	const requests = seen.sum('ollama_requests_total');
	assert.equal(await until('a scrape', () => value('sum(ollama_requests_total)')), requests);
	assert.equal(await value('up{job="ollama"}'), 1);
	assert.equal(await value('sum(ollama_up)'), 2);
	assert.ok((await value('histogram_quantile(0.5, sum by (le) (ollama_request_duration_seconds_bucket))')) > 0);
});

test('a scrape never waits for a host: while no poll is answered it shows what was known', async () => {
	const program = build();
	const host = await startHost(program, { models });
	const held = [];
	let holding = false;
	const front = await startFront(host.url, '', (_, response) => holding && held.push(response));
	const sidecar = await startSidecar(program, { pc: front.url });
	await until('the host', async () => (await sidecar.scrape()).sum('ollama_up') === 1);
	holding = true;
	await until('polls', async () => held.length >= 3);
	const polls = held.slice();
	const during = await sidecar.scrape();
	assert.ok(
		polls.every((poll) => !poll.destroyed),
		'the scrape came after the polls were given up',
	);
	assert.deepEqual([during.sum('ollama_up'), during.sum('ollama_models_available')], [1, 1]);
});

test('what a deleted model was has no series any more', async () => {
	const program = build();
	const host = await startHost(program, { models: [...models, { name: 'large:latest', load_s: 0.1 }] });
	const sidecar = await startSidecar(program, { pc: host.url });
	await chat(sidecar.proxy, { model: 'large' });
	const gauges = (seen) =>
		seen.samples
			.filter(({ name, labels }) => /^ollama_model_[a-z_]+(?<!_total)$/.test(name) && labels.model === 'large:latest')
			.map(({ name }) => name);
	await until('the loaded model', async () => gauges(await sidecar.scrape()).includes('ollama_model_size_bytes'));
	await host.fault({ kind: 'missing', model: 'large:latest' });
	await until('its end', async () => gauges(await sidecar.scrape()).length === 0);
	assert.equal((await sidecar.scrape()).sum('ollama_models_available'), 1);
});

test('a host that is gone is down, and its last state stays', async () => {
	const program = build();
	const host = await startHost(program, { models });
	const sidecar = await startSidecar(program, { pc: host.url });
	await until('the host', async () => (await sidecar.scrape()).sum('ollama_up') === 1);
	await host.stop();
	await until('the host to be down', async () => (await sidecar.scrape()).sum('ollama_up') === 0);
	const gone = await sidecar.scrape();
	assert.equal(gone.sum('ollama_models_available'), 1, 'its last state stays');
	assert.ok(gone.sum('ollama_scrape_errors_total', { host: 'pc', endpoint: 'tags', reason: 'unreachable' }) > 0);
});

test('whoever does not ask for OpenMetrics gets the classic text', async () => {
	const program = build();
	const host = await startHost(program, { models });
	const sidecar = await startSidecar(program, { pc: host.url });
	const response = await fetch(sidecar.metrics, { headers: { accept: 'text/plain' } });
	assert.match(response.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
	const text = await response.text();
	assert.match(text, /^# TYPE dispatcher_look_ahead_overrules_total counter$/m);
	assert.doesNotMatch(text, /# EOF|# UNIT/);
});
