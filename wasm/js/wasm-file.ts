// @ts-expect-error built by wasm-pack for Node: reads the .wasm beside it
export * from '#wasm-nodejs';
