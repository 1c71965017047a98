// Constants in fewer bytes, which wasm-opt does not do: a float takes nine wherever it stands, a large integer up to
// eleven. Works on a module's text, where what belongs to a function is indented by two spaces or more.

const CONSTANT = /\((i32|i64|f64)\.const ([^\s()]+)\)/g;
/** Beyond it, an integer takes more bytes than it spares. */
const WHOLE_MAX = 2 ** 20;
/** A shorter one is left where engines read it with the code. */
const LARGE_BYTES = 5;
/** The first 128 globals are read in two bytes; a few are taken. */
const GLOBALS_MOST = 120;
const GET_BYTES = 2;
/** A global beside its value: its type and the end of the value. */
const GLOBAL_BYTES = 3;

/**
 * The same module: small whole floats are converted from integers, and what is large and used often is read from a
 * global.
 */
export function shortened(module) {
	const whole = inFunctions(module, (constant, type, value) =>
		type === 'f64' && isWhole(value) ? `(f64.convert_i32_s (i32.const ${Number(value)}))` : constant,
	);
	const uses = new Map();
	inFunctions(whole, (constant) => {
		uses.set(constant, (uses.get(constant) ?? 0) + 1);
		return constant;
	});
	const spared = [...uses]
		.map(([constant, times]) => ({ constant, bytes: sparedBytes(constant, times) }))
		.filter(({ bytes }) => bytes > 0);
	const largest = spared.sort((left, right) => right.bytes - left.bytes).slice(0, GLOBALS_MOST);
	const globals = new Map(largest.map(({ constant }, at) => [constant, `$constant_${at}`]));
	const known = [...globals]
		.map(([constant, name]) => ` (global ${name} ${constant.slice(1, 4)} ${constant})\n`)
		.join('');
	const read = inFunctions(whole, (constant) =>
		globals.has(constant) ? `(global.get ${globals.get(constant)})` : constant,
	);
	return read.replace(/^ \(func /m, (first) => known + first);
}

function inFunctions(module, change) {
	return module.replace(/^ {2}.*$/gm, (line) => line.replace(CONSTANT, change));
}

function isWhole(value) {
	const number = Number(value);
	return Number.isInteger(number) && Math.abs(number) < WHOLE_MAX && !Object.is(number, -0);
}

function sparedBytes(constant, times) {
	const [, type, value] = [...constant.matchAll(CONSTANT)][0];
	const bytes = type === 'f64' ? 9 : 1 + leb128(BigInt(value));
	return bytes < LARGE_BYTES ? 0 : times * (bytes - GET_BYTES) - bytes - GLOBAL_BYTES;
}

/** Bytes of a signed integer as modules hold it: seven bits each, the last with the sign. */
function leb128(value) {
	let bytes = 1;
	for (let limit = 64n; value >= limit || value < -limit; limit <<= 7n) bytes += 1;
	return bytes;
}
