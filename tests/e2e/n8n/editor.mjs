// n8n's editor in a real Chromium, logged in as the owner.
import { chromium } from 'playwright-core';
import { OWNER } from '../bed/n8n-session.mjs';

/** What a busy machine may need for one step of the editor. */
const PATIENCE_MS = 120_000;

/** Opens the editor; returns `{ page, errors, close }`, where `errors` are the exceptions of the page's own scripts. */
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
	return { page, errors, close: () => browser.close() };
}
