// The sidecar's image in a real Docker Engine: it is built, starts as the stack starts it, answers, is nobody's root,
// and stops.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { freePort, needOrSkip, scratchFolder, stopAll, until } from '../bed/index.mjs';
import { build, scrape, startHost } from '../serve/sidecar.mjs';
import { buildImage, librariesOf } from './image.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const folder = path.join(ROOT, 'deploy/compose');
const service = parse(readFileSync(path.join(folder, 'compose.yaml'), 'utf8')).services['smart-ai'];
const members = /members = \[(.+)\]/.exec(readFileSync(path.join(ROOT, 'Cargo.toml'), 'utf8'))[1].match(/[\w-/]+/g);
/** Loopback of its own for the name that the stack gives its host, whose port is Ollama's own. */
const OLLAMA = '127.0.0.77';

after(stopAll);

/**
 * A host at the address that the stack's configuration names. It answers to its own address only, as Ollama does on a
 * loopback one.
 */
async function ollama(t, program) {
	const { url } = await startHost(program, { models: [{ name: 'm' }] });
	const door = createServer((incoming, outgoing) => {
		const headers = { ...incoming.headers, host: new URL(url).host };
		const passed = request(url + incoming.url, { method: incoming.method, headers }, (answer) => {
			outgoing.writeHead(answer.statusCode, answer.headers);
			answer.pipe(outgoing);
		});
		incoming.pipe(passed.on('error', () => outgoing.destroy()));
	});
	await once(door.listen(11434, OLLAMA), 'listening');
	t.after(() => {
		door.close();
		door.closeAllConnections();
	});
}

test('the program wants no library that its image lacks', async () => {
	const names = (await librariesOf(build()('smart-ai'))).map((file) => path.basename(file).replace(/\.so.*/, ''));
	const slim = ['libc', 'libm', 'libgcc_s', 'libdl', 'libpthread', 'librt', 'ld-linux-x86-64', 'ld-linux-aarch64'];
	assert.deepEqual(
		names.filter((name) => !slim.includes(name)),
		[],
	);
});

test('the image runs as the stack runs it: not as root, with history and configuration, until stopped', async (t) => {
	const bed = await needOrSkip(t, 'docker');
	if (!bed) return;
	const program = build();
	const { docker, logs, stop } = await bed.docker.start();
	t.after(stop);
	const image = await buildImage(docker, program('smart-ai'), members);
	await ollama(t, program);

	const [metrics, proxy] = [await freePort(), await freePort()];
	const here = { '0.0.0.0:9435': `127.0.0.1:${metrics}`, '0.0.0.0:11435': `127.0.0.1:${proxy}` };
	const command = service.command.map((word) => here[word] ?? word);
	assert.deepEqual(command.filter((word) => word.startsWith('127.')).length, 2);
	const mounts = service.volumes
		.map((mount) => mount.replace(/^\.\//, `${folder}/`))
		.flatMap((mount) => ['--volume', mount]);
	const environment = Object.entries(service.environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
	const names = ['--add-host', `ollama:${OLLAMA}`, '--add-host', 'prometheus:127.0.0.1'];
	const { stdout } = await docker([
		'run',
		'--detach',
		'--network',
		'host',
		...names,
		...mounts,
		...environment,
		image,
		...command,
	]);
	const container = stdout.trim();
	const seen = await until('the container', async () => {
		const now = await scrape(`http://127.0.0.1:${metrics}/metrics`);
		return now.sum('ollama_up', { host: 'ollama' }) === 1 && now;
	}).catch(async (error) => assert.fail(`${error.message}\n${await logs(container)}`));
	assert.equal(seen.sum('dispatcher_history_up'), 1, 'the volume cannot be written');
	const health = await fetch(`http://127.0.0.1:${proxy}/smart-ai/health`);
	assert.equal((await health.json()).ok, true);
	const ask = (headers) =>
		fetch(`http://127.0.0.1:${proxy}/api/generate`, {
			method: 'POST',
			headers,
			body: JSON.stringify({ model: 'auto', prompt: 'Hello', stream: false }),
		});
	assert.equal((await ask({})).status, 401, 'it answers without a key');
	const keys = path.join(scratchFolder('image'), 'key');
	await docker(['cp', `${container}:/data/key`, keys]);
	const answer = await ask({ authorization: `Bearer ${readFileSync(keys, 'utf8').trim()}` });
	assert.deepEqual([answer.status, (await answer.json()).model], [200, 'm:latest']);
	await until(
		'the row',
		async () => (await scrape(`http://127.0.0.1:${metrics}/metrics`)).sum('dispatcher_history_rows_total') === 1,
	);

	const { stdout: pid } = await docker(['inspect', '--format', '{{.State.Pid}}', container]);
	const user = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid.trim()}/status`, 'utf8'))[1];
	assert.equal(user, '10001');
	await docker(['stop', container]);
	const { stdout: code } = await docker(['inspect', '--format', '{{.State.ExitCode}}', container]);
	assert.equal(code.trim(), '0', 'it was killed, though it had nothing left to do');

	// Another program of the image: by https, which takes authorities to trust.
	const asked = await docker(
		['run', '--rm', '--network', 'host', image, 'ask', '--host', 'https://127.0.0.1:9', 'Hello'],
		{ anyCode: true },
	);
	assert.equal(asked.code, 1, 'nobody answers there, and that is all that is wrong');
});
