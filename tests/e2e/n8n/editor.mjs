// n8n's editor in a real Chromium, logged in as the owner.
import { chromium } from 'playwright-core';
import { OWNER } from '../bed/n8n-session.mjs';

/** What a busy machine may need for one step of the editor. */
const PATIENCE_MS = 120_000;

/**
 * Opens the editor: its `page`, the `errors` of the page's own scripts, and its parts by the names that n8n gives them.
 */
export async function openEditor(url, { command, args }, viewport = { width: 1440, height: 900 }) {
	const browser = await chromium.launch({
		executablePath: command,
		args: args.filter((arg) => !arg.startsWith('--headless')),
	});
	const page = await browser.newPage({ viewport });
	page.setDefaultTimeout(PATIENCE_MS);
	const errors = [];
	page.on('pageerror', (error) => errors.push(error.message));
	await page.goto(`${url}/signin`);
	await page.fill('input[name="emailOrLdapLoginId"]', OWNER.email);
	await page.fill('input[name="password"]', OWNER.password);
	await page.keyboard.press('Enter');
	await page.waitForURL((at) => !at.pathname.includes('signin'));
	const part = (name) => page.locator(`[data-test-id="${name}"]`);
	return {
		page,
		errors,
		close: () => browser.close(),
		part,
		/** A node on the canvas. */
		node: (name) => page.locator(`[data-test-id="canvas-node"][data-node-name="${name}"]`),
		/** The "+" under a node to which a sub-node of this kind can be tied. */
		plus: (name, kind) =>
			page
				.locator(`[data-test-id="canvas-node-input-handle"][data-node-name="${name}"][data-connection-type="${kind}"]`)
				.locator('[data-test-id="canvas-handle-plus"]'),
		/** Looks for a node in the panel, and takes it. */
		async take(name, search = name) {
			await part('node-creator-search-bar').fill(search);
			await part('node-creator-item-name').getByText(name, { exact: true }).first().click();
		},
		/** Leaves the view of a node. */
		async leave() {
			await part('ndv-close-button').click();
			await part('ndv').waitFor({ state: 'hidden' });
		},
	};
}
