// The package as n8n's own installer leaves it: packed, unpacked, its manifest stripped, no script run.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { scratchFolder } from '../bed/index.mjs';
import { PACKAGE } from './workbench.mjs';

/** As `downloadPackage` of n8n 2.41.1 installs what it has packed. */
const INSTALL = [
	'install',
	'--audit=false',
	'--fund=false',
	'--bin-links=false',
	'--install-strategy=shallow',
	'--ignore-scripts=true',
	'--package-lock=false',
	'--offline',
];

/** The folder of the installed package, the names of its files, and the tarball's bytes. */
export function installTarball() {
	const place = scratchFolder('tarball');
	const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', place], {
		cwd: PACKAGE,
	});
	const [{ filename, files, size }] = JSON.parse(packed.toString());
	const folder = path.join(place, 'n8n-nodes-smart-ai');
	mkdirSync(folder);
	execFileSync('tar', ['-xzf', path.join(place, filename), '-C', folder, '--strip-components=1']);
	const manifest = path.join(folder, 'package.json');
	const { devDependencies, peerDependencies, optionalDependencies, ...kept } = JSON.parse(readFileSync(manifest));
	writeFileSync(manifest, JSON.stringify(kept, null, 2));
	execFileSync('npm', INSTALL, { cwd: folder, stdio: 'ignore' });
	return { folder, names: files.map((file) => file.path), size };
}
