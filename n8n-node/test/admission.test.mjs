import assert from 'node:assert/strict';
import { test } from 'node:test';

import credentials from '../dist-test/credentials/SmartAiFleetApi.credentials.js';
import prometheusCredentials from '../dist-test/credentials/SmartAiPrometheusApi.credentials.js';
import configuration from '../dist-test/engine/configuration.js';
import transportModule from '../dist-test/engine/httpTransport.js';

const { SmartAiFleetApi } = credentials;
const { SmartAiPrometheusApi } = prometheusCredentials;
const { engineConfig } = configuration;
const { httpTransport } = transportModule;

const PEM = '-----BEGIN CERTIFICATE-----';
const fleet = {
	hosts: {
		host: [
			{ url: 'http://pc:11434', apiKey: 'k1' },
			{ url: 'https://proxy/ollama/', username: 'ann', password: 'pw', certificateAuthority: ` ${PEM}\n` },
			{ url: 'http://localhost:11434', apiKey: 'k4' },
			{ url: 'https://gate', headerName: 'X-Api-Key', secretHeaderValue: 'k3' },
		],
	},
};
const asked = (url) => new SmartAiFleetApi().authenticate(fleet, { url, headers: { Accept: 'x' } });

test('a credential gives each request what the host at its URL asks for', async () => {
	assert.equal((await asked('http://pc:11434/api/tags')).headers.Authorization, 'Bearer k1');
	const { headers, agentOptions } = await asked('https://proxy/ollama/api/tags');
	assert.deepEqual(headers, { Accept: 'x', Authorization: 'Basic YW5uOnB3' });
	assert.deepEqual(agentOptions, { ca: PEM });
	assert.equal((await asked('https://gate/api/tags')).headers['X-Api-Key'], 'k3');
	assert.equal((await asked('http://127.0.0.1:11434/api/tags')).headers.Authorization, 'Bearer k4');
});

test('a certificate is shown where it is asked for; a key in one line gets its lines back', async () => {
	const body = 'MIIE'.repeat(30);
	const pem = (kind) =>
		[`-----BEGIN ${kind}-----`, body.slice(0, 64), body.slice(64), `-----END ${kind}-----`].join('\n');
	const [certificate, key] = [pem('CERTIFICATE'), pem('PRIVATE KEY')];
	const fields = {
		clientCertificate: `${certificate}\n${certificate}\n`,
		secretClientKey: key.replaceAll('\n', ' '),
	};
	const shown = { cert: `${certificate}\n${certificate}`, key };
	const gate = { hosts: { host: [{ url: 'https://gate', ...fields }] } };
	const request = { url: 'https://gate/api/tags', headers: {} };
	assert.deepEqual((await new SmartAiFleetApi().authenticate(gate, request)).agentOptions, shown);
	const config = { url: 'https://gate', client_cert: shown.cert, client_key: key };
	assert.deepEqual(engineConfig(gate).hosts, [config]);
	const metrics = { url: 'https://gate', authentication: 'none', ...fields };
	assert.deepEqual((await new SmartAiPrometheusApi().authenticate(metrics, request)).agentOptions, shown);
	assert.deepEqual(engineConfig({}, metrics).prometheus, config);
	for (const lost of [key.replaceAll('\n', ''), key.replaceAll('\n', '\\n')]) {
		const [host] = engineConfig({ hosts: { host: [{ ...gate.hosts.host[0], secretClientKey: lost }] } }).hosts;
		assert.equal(host.client_key, key);
	}
});

test('no key of a host goes anywhere else', async () => {
	for (const url of [
		'http://pc:114340/',
		'http://pc:11434.evil.example/',
		'https://proxy/other',
		'https://gate.evil/',
	]) {
		assert.deepEqual(await asked(url), { url, headers: { Accept: 'x' } });
	}
});

test('the sidecars get their own key, and hosts theirs', async () => {
	const both = { ...fleet, sidecars: 'http://one:11435/, http://two:11435', sidecarApiKey: 's1' };
	const sent = (url) => new SmartAiFleetApi().authenticate(both, { url, headers: {} });
	assert.equal((await sent('http://two:11435/smart-ai/ask')).headers.Authorization, 'Bearer s1');
	assert.equal((await sent('http://pc:11434/api/tags')).headers.Authorization, 'Bearer k1');
	assert.deepEqual((await sent('http://three:11435/')).headers, {});
});

test('an engine is told the same of each host', () => {
	assert.deepEqual(engineConfig(fleet).hosts, [
		{ url: 'http://pc:11434', api_key: 'k1' },
		{ url: 'https://proxy/ollama', username: 'ann', password: 'pw', ca: PEM },
		{ url: 'http://localhost:11434', api_key: 'k4' },
		{ url: 'https://gate', headers: { 'X-Api-Key': 'k3' } },
	]);
});

test('no redirect is followed with a key, and the authority of a host reaches the client of n8n', async () => {
	const seen = [];
	const httpRequest = async (options) => {
		seen.push(options);
		return { statusCode: 302, headers: { Location: 'https://elsewhere/' }, body: [] };
	};
	const signal = new AbortController().signal;
	const request = { method: 'POST', url: 'https://proxy/ollama/api/chat', headers: {}, signal, stream: true, ca: PEM };
	const { status, headers } = await httpTransport(httpRequest).request({ ...request, connectTimeoutMs: 2000 });
	assert.deepEqual([status, headers.location], [302, 'https://elsewhere/']);
	assert.equal(seen.length, 2);
	for (const options of seen) {
		assert.deepEqual([options.disableFollowRedirect, options.agentOptions], [true, { ca: PEM }]);
	}
});
