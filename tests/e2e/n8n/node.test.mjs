// The Smart AI node in a real n8n, on both engines: what it is asked wrongly, or its surroundings do wrongly, ends in a
// clear error or a named fallback.
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { line, ollama } from '../../world/ollama.mjs';
import { behindTls } from '../../world/tls.mjs';
import { everyPartRequired, freePort, MissingPart, need, stopAll } from '../bed/index.mjs';
import { begin, credential, fleetOf, NODE, outcome, startServer, workflow } from './workbench.mjs';

const ENGINES = ['wasm', 'native'];
const HTML = '<html><body>502 Bad Gateway</body></html>';
const ONCE = line({ message: { role: 'assistant', content: 'Once' }, done: false });
const MEGABYTE = '={{ "words ".repeat(175000) }}';

const servers = {};
/** Answers queries of `ada` with the password `right`. */
const prometheus = createServer((request, response) => {
	const allowed = request.headers.authorization === `Basic ${Buffer.from('ada:right').toString('base64')}`;
	response
		.writeHead(allowed ? 200 : 401, { 'content-type': 'application/json' })
		.end('{"status":"success","data":{"resultType":"vector","result":[]}}');
});
const fleets = {};
const cases = [];
/** Emits `chat` with the response of each call of the host that never ends an answer. */
const calls = new EventEmitter();
let started;
let missing;

/** One case for both engines. `told` looks at `{ item, error, status }`. */
const add = (name, setting, told) => cases.push({ name, setting, told });

/** The item that a failure leaves where the workflow goes on. */
const refusal =
	(code, message) =>
	({ status, item }) => {
		assert.equal(status, 'success');
		assert.equal(item.code, code, JSON.stringify(item));
		assert.match(item.error, message);
		assert.ok(item.hint.length > 0, JSON.stringify(item));
	};

const answered =
	(look) =>
	({ status, item, error }) => {
		assert.equal(status, 'success', JSON.stringify(error));
		assert.equal(item.text, 'Hello there', JSON.stringify(item));
		look(item);
	};

before(async () => {
	try {
		const n8n = await need('n8n');
		await startHosts();
		nameCases();
		started = await startServer(n8n, {
			credentials: Object.values(fleets),
			workflows: [...cases.flatMap(workflowsOf), ...ENGINES.map(endless)],
		});
	} catch (error) {
		if (!(error instanceof MissingPart) || everyPartRequired) throw error;
		missing = error.message;
	}
});

after(async () => {
	await stopAll();
	prometheus.close().closeAllConnections();
	await Promise.all(Object.values(servers).map((server) => server.close()));
});

async function startHosts() {
	const settings = {
		good: {},
		roomy: { context: 1_000_000 },
		html: { page: HTML },
		babble: { chat: (_, response) => response.end(HTML) },
		locked: { status: { '/api/version': 401, '/api/tags': 401, '/api/ps': 401, '/api/chat': 401 } },
		endless: { chat: (_, response) => response.write(ONCE, () => calls.emit('chat', response)) },
	};
	for (const [name, setting] of Object.entries(settings)) servers[name] = await ollama(setting);
	servers.gate = await behindTls(servers.good.url, { asks: true });
	await once(prometheus.listen(0, '127.0.0.1'), 'listening');
	const nobody = `http://127.0.0.1:${await freePort()}`;
	for (const name of ['good', 'roomy', 'html', 'babble', 'locked', 'endless'])
		fleets[name] = fleetOf(name, { pc: servers[name].url });
	const { url, cert } = servers.gate;
	const host = { name: 'pc', url, certificateAuthority: cert };
	fleets.gate = credential('smartAiFleetApi', 'gate', { hosts: { host: [{ ...host, ...shown(servers.gate) }] } });
	fleets.stranger = credential('smartAiFleetApi', 'stranger', { hosts: { host: [host] } });
	fleets.down = fleetOf('down', { nas: nobody });
	fleets.half = fleetOf('half', { nas: nobody, pc: servers.good.url });
	fleets.silent = credential('smartAiPrometheusApi', 'silent', {
		url: nobody,
		authentication: 'none',
		scrapeInterval: 1,
	});
	fleets.talking = credential('smartAiPrometheusApi', 'talking', {
		url: servers.html.url,
		authentication: 'none',
		scrapeInterval: 1,
	});
}

/** What a client shows there; its key has lost its lines, as in n8n's field of one line. */
const shown = ({ cert, key }) => ({ clientCertificate: cert, secretClientKey: key.replaceAll('\n', ' ') });

function nameCases() {
	const { good, roomy, html, babble, locked, gate, stranger, down, half, silent, talking } = fleets;
	const by = (value) => ({ model: { __rl: true, mode: 'id', value } });
	add('empty prompt', { fleet: good, parameters: { prompt: ' ' } }, refusal('invalid_request', /empty/));
	add(
		'unknown task',
		{ fleet: good, parameters: { task: '={{ "poetry" }}' } },
		refusal('invalid_request', /must be one of auto/),
	);
	add('unknown model', { fleet: good, parameters: by('nope:1b') }, refusal('unknown_model', /nope:1b/));
	add('unknown host', { fleet: good, options: { host: 'attic' } }, refusal('unknown_host', /attic/));
	add('broken schema', { fleet: good, options: { schema: '{' } }, refusal('invalid_request', /schema/));
	add('host down', { fleet: down }, refusal('no_host', /nas/));
	add(
		'one host of two down',
		{ fleet: half },
		answered((item) => {
			assert.equal(item.host, 'pc');
			assert.ok(
				item.decision.dropped.some(({ host, code }) => host === 'nas' && code === 'host_down'),
				JSON.stringify(item.decision),
			);
		}),
	);
	const noted = (why) => answered((item) => assert.match(item.decision.notes.join(' '), why));
	add('Prometheus down', { fleet: good, metrics: silent }, noted(/metrics server does not answer/));
	add('Prometheus answers a page', { fleet: good, metrics: talking }, noted(/metrics server/));
	add('host answers a page', { fleet: html }, refusal('no_host', /pc/));
	add('answer is a page', { fleet: babble }, (told) => {
		refusal('all_failed', /pc/)(told);
		assert.equal(told.item.attempts[0].outcome, 'bad_protocol');
	});
	add(
		"a client's certificate",
		{ fleet: gate },
		answered(({ host }) => assert.equal(host, 'pc')),
	);
	add("no client's certificate", { fleet: stranger }, (told) => {
		refusal('no_host', /it asks for a certificate of its client, and got none that it accepts/)(told);
		assert.match(told.item.hint, /Client Certificate/);
	});
	add('wrong key', { fleet: locked }, refusal('unauthorized', /pc/));
	add(
		'prompt of a megabyte',
		{ fleet: roomy, parameters: { prompt: MEGABYTE } },
		answered((item) => {
			assert.ok(item.decision.prompt_tokens > 100_000, String(item.decision.prompt_tokens));
		}),
	);
	add(
		'context too small',
		{ fleet: good, parameters: { prompt: MEGABYTE } },
		refusal('context_too_small', /prompt tokens/),
	);
	const absent = { prompt: `={{ $('Nobody').item.json.text }}` };
	add('expression that fails', { fleet: good, parameters: absent }, refusal('invalid_request', /doesn't exist/));
	add('error output', { fleet: down, goOn: 'continueErrorOutput' }, ({ status, item, failed }) => {
		assert.deepEqual([status, item], ['success', undefined]);
		assert.match(failed.error, /nas/);
		assert.equal(failed.details.code, 'no_host');
	});
	for (const [name, fleet, parameters, message] of [
		['stops on an empty prompt', good, { prompt: ' ' }, /empty/],
		['stops where no host answers', down, {}, /no host answers/],
	]) {
		add(name, { fleet, parameters, goOn: false }, ({ status, error }) => {
			assert.equal(status, 'error');
			assert.match(error.message, message);
			assert.ok(error.description.length > 0, 'what to do is said');
		});
	}
}

const idOf = (index, engine) => `case${index}${engine}`;

function workflowsOf({ setting }, index) {
	return ENGINES.map((engine) =>
		workflow({ id: idOf(index, engine), goOn: true, ...setting, options: { ...setting.options, engine } }),
	);
}

const endless = (engine) => workflow({ id: `endless${engine}`, fleet: fleets.endless, options: { engine } });

/** A test of the running server. */
const inN8n = (name, body) => test(name, async (t) => (missing ? t.skip(missing) : body(t, started.session)));

inN8n(
	'bad input and bad surroundings: a clear error or a named fallback, the same on both engines',
	async (t, session) => {
		for (const [index, { name, told }] of cases.entries()) {
			for (const engine of ENGINES) {
				await t.test(`${name}, ${engine}`, async () => {
					const ended = await outcome(session, idOf(index, engine));
					if (ended.item?.engine) assert.equal(ended.item.engine, engine);
					told(ended);
				});
			}
		}
	},
);

inN8n('stopping an execution closes the call to the host', async (t, session) => {
	for (const engine of ENGINES) {
		await t.test(engine, async () => {
			const asked = once(calls, 'chat');
			const id = await begin(session, `endless${engine}`);
			const [response] = await asked;
			const closed = once(response, 'close');
			await session.stopExecution(id);
			await closed;
			assert.equal((await session.ended(id)).status, 'canceled');
		});
	}
});

inN8n('credentials are tested on the servers they name', async (t, session) => {
	const saved = { smartAiFleetApi: fleets.good, smartAiPrometheusApi: fleets.talking };
	const tested = (type, data) => session.testCredential({ ...saved[type], data });
	const test = async (type, data) => (await tested(type, data)).status;
	const host = (url, apiKey = '') => ({ hosts: { host: [{ name: 'pc', url, apiKey }] } });
	assert.equal(await test('smartAiFleetApi', host(servers.good.url, 'secret')), 'OK');
	assert.equal(servers.good.requests.at(-1).headers.authorization, 'Bearer secret');
	assert.equal(await test('smartAiFleetApi', host(servers.locked.url, 'wrong')), 'Error');
	assert.equal(await test('smartAiFleetApi', fleets.down.data), 'Error');
	const half = await tested('smartAiFleetApi', fleets.half.data);
	assert.equal(half.status, 'Error');
	assert.match(half.message, /^1 of 2 hosts answer; \w+: .*ECONNREFUSED/);
	assert.match(
		(await tested('smartAiFleetApi', host(servers.html.url))).message,
		/^0 of 1 hosts answer; pc: this is not Ollama/,
	);
	assert.match((await tested('smartAiFleetApi', { hosts: {} })).message, /Add a host/);
	assert.equal(await test('smartAiFleetApi', fleets.gate.data), 'OK');
	assert.match(
		(await tested('smartAiFleetApi', fleets.stranger.data)).message,
		/it asks for a certificate of its client, and got none that it accepts.*Client Certificate/,
	);

	const metrics = (data) =>
		test('smartAiPrometheusApi', { url: `http://127.0.0.1:${prometheus.address().port}`, ...data });
	assert.equal(await metrics({ authentication: 'basic', username: 'ada', password: 'right' }), 'OK');
	assert.equal(await metrics({ authentication: 'basic', username: 'ada', password: 'wrong' }), 'Error');
	assert.equal(await metrics({ authentication: 'none' }), 'Error');
	const { url, ...gate } = await behindTls(`http://127.0.0.1:${prometheus.address().port}`, { asks: true });
	t.after(gate.close);
	const ada = { url, authentication: 'basic', username: 'ada', password: 'right', certificateAuthority: gate.cert };
	assert.equal(await test('smartAiPrometheusApi', { ...ada, ...shown(gate) }), 'OK');
	assert.equal(await test('smartAiPrometheusApi', ada), 'Error');
	assert.equal(await test('smartAiPrometheusApi', fleets.silent.data), 'Error');
});

inN8n('the list of models names each with its hosts, and says which host is down', async (_, session) => {
	const search = async (fleet, filter) => {
		const { id, name } = fleet;
		return await session.call('POST', '/rest/dynamic-node-parameters/resource-locator-results', {
			path: 'parameters.model',
			methodName: 'modelSearch',
			filter,
			currentNodeParameters: {},
			nodeTypeAndVersion: { name: NODE, version: 1 },
			credentials: { smartAiFleetApi: { id, name } },
		});
	};
	const phi = { name: 'phi3:mini (pc)', value: 'phi3:mini' };
	assert.deepEqual((await search(fleets.half)).results, [phi]);
	assert.deepEqual((await search(fleets.good, 'PHI')).results, [phi]);
	assert.deepEqual((await search(fleets.good, 'llama')).results, []);
	await assert.rejects(search(fleets.down), /No Ollama host of the credential answers/);
});
