// The build under test: `BUILD=wasm` (default) or `BUILD=native`.
const packages = { wasm: '../../wasm/dist/index.mjs', native: '../../node-addon/dist/index.mjs' };

export const build = process.env.BUILD ?? 'wasm';

/** What the package of this build exports. */
export const built = await import(packages[build]);
