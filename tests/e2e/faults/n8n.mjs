// The driver as the n8n node has it: the WebAssembly engine of the built package over n8n's own HTTP client.
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { need } from '../bed/index.mjs';

const engine = fileURLToPath(new URL('../../../n8n-node/dist/engine/wasm.js', import.meta.url));

/** Makes dispatchers as those of `drivers.mjs`; throws `MissingPart` where n8n cannot be had. */
export async function n8nDriver() {
	const n8n = await need('n8n');
	const { command } = await n8n.install();
	const { httpRequest } = createRequire(command)(path.join(modulesOf(command), '@n8n/backend-network/dist/testing.js'));
	const { wasmEngine } = createRequire(import.meta.url)(engine);
	return (config) => wasmEngine(config, (options) => httpRequest(options));
}

const modulesOf = (command) => command.slice(0, command.lastIndexOf('node_modules') + 'node_modules'.length);
