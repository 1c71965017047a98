// The scenarios, and `smart-ai simulate` on each of them.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cargo, target } from './cargo.mjs';

const folder = fileURLToPath(new URL('scenarios', import.meta.url));
/** Seconds that one scenario may take. */
const LIMIT_S = 1_800;

export const names = () => readdirSync(folder).map((file) => file.replace(/\.json$/, ''));

/** Every scenario's report, by its name. */
export function play(policies, seeds) {
	cargo('build', '--release', '-p', 'smart-ai');
	return names().map((name) => {
		const file = join(folder, `${name}.json`);
		const args = ['simulate', '--scenario', file, '--seeds', seeds, '--policies', policies.join(','), '--json'];
		const { status, stdout, stderr } = spawnSync(join(target, 'release', 'smart-ai'), args, { encoding: 'utf8', timeout: LIMIT_S * 1e3, maxBuffer: 1 << 28 });
		if (status !== 0) throw new Error(`simulate on ${name} failed: ${stderr}`);
		return { name, policies: JSON.parse(stdout).policies };
	});
}

export const percent = (share) => `${(share * 100).toFixed(1)} %`;
export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
