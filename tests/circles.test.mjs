// No files of a crate import each other in a circle. A room's `mod.rs` and the files below it belong together.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../paths.mjs';

/** `a::{b, c::d}` as `[[a, b], [a, c, d]]`. */
function paths(tree) {
	const text = tree.replace(/\bas\s+\w+/, '').trim();
	const open = text.indexOf('{');
	if (open < 0) return [text.split('::').map((name) => name.trim())];
	const parts = [];
	let [depth, part] = [0, ''];
	for (const sign of text.slice(open + 1, text.lastIndexOf('}'))) {
		depth += sign === '{' ? 1 : sign === '}' ? -1 : 0;
		if (sign === ',' && depth === 0) [parts[parts.length], part] = [part, ''];
		else part += sign;
	}
	const named = [...parts, part].filter((name) => name.trim());
	return named.flatMap((name) => paths(text.slice(0, open) + name.trim()));
}

/** The files of a crate by the path of their module, each with its source before the tests. */
function modules(folder) {
	const tracked = execFileSync('git', ['ls-files', `${folder}/*.rs`], { cwd: root, encoding: 'utf8' });
	const found = new Map();
	for (const file of tracked.split('\n').filter((name) => name && existsSync(join(root, name)))) {
		const names = file.slice(folder.length + 1, -'.rs'.length).split('/');
		if (['mod', 'lib', 'main'].includes(names.at(-1))) names.pop();
		const [source] = readFileSync(join(root, file), 'utf8').split('#[cfg(test)]\nmod tests');
		found.set(names.join('::'), { file, names, source: source.replace(/\/\/.*/g, '') });
	}
	return found;
}

/** The module where a path that stands in another module ends: re-exports are followed. */
function target(found, path, from, depth = 0) {
	let [names, base] = [[...path], [...from.names]];
	if (names[0] === 'crate') [names, base] = [names.slice(1), []];
	else if (names[0] === 'self') names.shift();
	else if (names[0] === 'super') for (; names[0] === 'super'; names.shift()) base.pop();
	else if (!found.has([...base, names[0]].join('::'))) return undefined;
	const whole = [...base, ...names];
	for (let length = whole.length; length >= 0; length--) {
		const module = found.get(whole.slice(0, length).join('::'));
		if (!module) continue;
		const through = depth < 6 && module.reexports.get(whole[length]);
		return (through && target(found, through, module, depth + 1)) || module;
	}
	return undefined;
}

/** The files that each file imports, but for its own room's. */
function imports(found) {
	const uses = (source, start) => [...source.matchAll(start)].flatMap(([, tree]) => paths(tree));
	for (const module of found.values())
		module.reexports = new Map(
			uses(module.source, /\bpub(?:\([^)]*\))?\s+use\s+([^;]+);/g).map((path) => [path.at(-1), path]),
		);
	for (const module of found.values()) {
		const inline = module.source.replace(/\buse\s+[^;]+;/g, '').matchAll(/\b(?:crate|super|self)(?:::\w+)+/g);
		const named = [...uses(module.source, /\buse\s+([^;]+);/g), ...[...inline].map(([path]) => path.split('::'))];
		const ends = named.map((path) => target(found, path, module)).filter((end) => end && end !== module);
		const within = (one, other) => one.names.every((name, place) => name === other.names[place]);
		module.imports = new Set(ends.filter((end) => !within(end, module) && !within(module, end)));
	}
}

/** Each module that can be reached from itself. */
function circles(found) {
	return [...found.values()].filter((start) => {
		const seen = new Set(start.imports);
		for (const module of seen) for (const next of module.imports) seen.add(next);
		return seen.has(start);
	});
}

for (const folder of ['core/src', 'runtime/src', 'sim/src', 'wasm/src', 'node-addon/src'])
	test(`the files of ${folder} import each other in one direction only`, () => {
		const found = modules(folder);
		assert.ok(found.size > 1, 'there are files');
		imports(found);
		assert.deepEqual(
			circles(found).map(({ file, imports }) => `${file} -> ${[...imports].map((end) => end.file).join(', ')}`),
			[],
		);
	});
