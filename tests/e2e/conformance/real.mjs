// A real Ollama with the small models of the test bed.
import * as models from '../bed/models.mjs';
import * as ollama from '../bed/ollama.mjs';

/** Starts it; returns `{ url, stop, version }`. Throws `MissingPart` where it cannot be had. */
export async function start() {
	const { folder } = await models.install();
	return ollama.start({ models: folder });
}
