// A Chromium or Chrome that is already on this machine; the bed does not install one.
import { access } from 'node:fs/promises';
import { MissingPart } from './missing.mjs';
import { onPath, run } from './process.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const MAC = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';

/** Arguments for a headless run that does not talk to the internet. */
export const args = Object.freeze([
	'--headless=new',
	'--no-sandbox',
	'--disable-gpu',
	'--disable-quic',
	'--no-first-run',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-sync',
]);

/** The browser as `{ command, version, args }`; throws `MissingPart` without one. */
export async function install() {
	const found = await find();
	if (!found) throw new MissingPart('Chromium', 'not on PATH; on Debian: apt-get install chromium');
	return found;
}

/** The same, or null. */
export async function find() {
	const command =
		NAMES.map(onPath).find(Boolean) ??
		(await access(MAC).then(
			() => MAC,
			() => null,
		));
	if (!command) return null;
	const { stdout } = await run(command, ['--version'], { anyCode: true });
	return { command, version: stdout.trim(), args: [...args] };
}
