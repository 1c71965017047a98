/** The WebAssembly package in one file, put here by the build. */
export * from '../../../wasm/dist/types/inline';
