// @ts-expect-error built by wasm-pack for bundlers: takes the instance it is given
import * as glue from '#wasm-glue';
// @ts-expect-error the bytes, inlined by the build
import bytes from '#wasm-bytes';

const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { './core_bg.js': glue });
glue.__wbg_set_wasm(exports);
(exports.__wbindgen_start as () => void)();

// @ts-expect-error as above
export * from '#wasm-glue';
