// The two drivers, made alike: each turns a fleet's configuration into a dispatcher.
import * as native from 'ai-model-dispatcher';
import * as wasm from 'ai-model-dispatcher-wasm';

export const drivers = {
	native: native.createDispatcher,
	wasm: wasm.createDispatcher,
};
