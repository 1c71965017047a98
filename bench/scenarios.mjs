// The scenarios, and `smart-ai simulate` on each of them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { target } from '../paths.mjs';
import { cargo } from './cargo.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
/** Seconds that one scenario may take. */
const LIMIT_S = 1_800;

export const names = (folder = 'scenarios') =>
	readdirSync(join(here, folder)).map((file) => file.replace(/\.json$/, ''));

/** Every scenario's report, by its name. */
export function play(policies, seeds, folder = 'scenarios') {
	return names(folder).map((name) => ({
		name,
		policies: simulate(join(here, folder, `${name}.json`), policies, seeds).policies,
	}));
}

/** What became of each request. */
export function trace(file, policies, seeds) {
	const scratch = mkdtempSync(join(tmpdir(), 'trace-'));
	try {
		const rows = join(scratch, 'rows.jsonl');
		simulate(file, policies, seeds, '--trace', rows);
		return readFileSync(rows, 'utf8')
			.trim()
			.split('\n')
			.map((line) => JSON.parse(line));
	} finally {
		rmSync(scratch, { recursive: true });
	}
}

/** The program that plays: a release build, or the one that SMART_AI names; virtual time is the same in each. */
function program() {
	if (process.env.SMART_AI) return process.env.SMART_AI;
	cargo('build', '--release', '-p', 'smart-ai');
	return join(target, 'release', 'smart-ai');
}

/** One scenario's report. */
export function simulate(file, policies, seeds, ...more) {
	const args = ['simulate', '--scenario', file, '--seeds', seeds, '--policies', policies.join(','), '--json', ...more];
	const { status, stdout, stderr } = spawnSync(program(), args, {
		encoding: 'utf8',
		timeout: LIMIT_S * 1e3,
		maxBuffer: 1 << 28,
	});
	if (status !== 0) throw new Error(`simulate on ${file} failed: ${stderr}`);
	return JSON.parse(stdout);
}

export const percent = (share) => `${(share * 100).toFixed(1)} %`;
