import assert from 'node:assert/strict';
import { test } from 'node:test';

import hostProblem from '../dist-test/nodes/SmartAi/hostProblem.js';

const { adviceFor } = hostProblem;

const CASES = [
	['connect ECONNREFUSED 127.0.0.1:1', undefined, 'http://127.0.0.1:1', /host\.docker\.internal/],
	['connect ECONNREFUSED 10.0.0.7:11434', undefined, 'http://nas:11434', /with OLLAMA_HOST=0\.0\.0\.0/],
	['getaddrinfo ENOTFOUND nass', undefined, 'http://nass:11434', /correct the name/],
	['getaddrinfo ENOTFOUND host.docker.internal', undefined, 'http://host.docker.internal:11434', /host-gateway/],
	['ECONNABORTED timeout of 30000ms exceeded', undefined, 'http://nas:11434', /firewall/],
	['The request was blocked because it resolves to a restricted IP address', undefined, 'http://10.0.0.7', /N8N_SSRF/],
	['Request failed with status code 401', 401, 'http://nas', /API key/],
	['Request failed with status code 404', 404, 'http://nas/v1', /without \/api or \/v1/],
];

for (const [fault, status, url, told] of CASES) {
	test(`of "${fault}" at ${url} it is told what to do`, () => assert.match(adviceFor(fault, status, url), told));
}

test('of a fault that nobody knows, nothing is made up', () => {
	assert.equal(adviceFor('strange', undefined, 'http://nas'), '');
});
