// Constants told in fewer bytes are the same constants.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import binaryen from 'binaryen';
import { shortened } from '../constants.mjs';

const floats = ['0', '-0', '1', '-1', '1e3', '0.5', '1048576', '1e9', 'inf'];
const functions = floats.map(
	(value, at) => `
 (func $f${at} (export "f${at}") (param $0 i64) (result f64)
  (if (i64.eq (local.get $0) (i64.const -9223372036854775808))
   (then
    (return
     (f64.const ${value})
    )
   )
  )
  (f64.const ${value})
 )`,
);
const module = `(module${functions.join('')}
)
`;

function assembled(text) {
	const parsed = binaryen.parseText(text);
	parsed.setFeatures(binaryen.Features.MutableGlobals);
	assert.ok(parsed.validate());
	const bytes = parsed.emitBinary();
	return { bytes: bytes.length, exports: new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports };
}

test('every constant keeps its value, and takes fewer bytes', () => {
	const [before, after] = [assembled(module), assembled(shortened(module))];
	for (const at of floats.keys()) {
		for (const branch of [0n, -(2n ** 63n)])
			assert.ok(Object.is(after.exports[`f${at}`](branch), before.exports[`f${at}`](branch)), floats[at]);
	}
	assert.ok(after.bytes < before.bytes, `${after.bytes} of ${before.bytes}`);
});
