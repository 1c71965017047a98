// `node tests/e2e/templates/pictures.mjs`: draws the canvas of each template for its page in docs/templates, in a real
// n8n and Chromium. Needs pngquant, which makes a picture a third as large.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { need, run, stopAll } from '../bed/index.mjs';
import { openEditor } from '../n8n/editor.mjs';
import { fleetOf, startServer } from '../n8n/workbench.mjs';
import { names, template } from './templates.mjs';

const PICTURES = fileURLToPath(new URL('../../../docs/templates/', import.meta.url));
const SIZE = { width: 2000, height: 1000 };
const MARGIN = 12;

try {
	const [n8n, chromium] = [await need('n8n'), await need('chromium')];
	const fleet = fleetOf('Ollama hosts', { local: 'http://127.0.0.1:11434' });
	const workflows = names.map((name) => template(name, fleet));
	const { server } = await startServer(n8n, { credentials: [fleet], workflows });
	const { page, close } = await openEditor(server.url, await chromium.install(), SIZE);
	mkdirSync(PICTURES, { recursive: true });
	for (const { id, nodes } of workflows) {
		await page.goto(`${server.url}/workflow/${id}`);
		const last = nodes.at(-1).name;
		await page.locator(`[data-test-id="canvas-node"][data-node-name="${last}"]`).waitFor();
		// Our icons and n8n's own come one by one.
		await page.waitForLoadState('networkidle');
		await page.keyboard.press('1');
		await page.evaluate(() => document.fonts.ready);
		const file = path.join(PICTURES, `${id}.png`);
		await page.screenshot({ path: file, animations: 'disabled', clip: await area(page) });
		await run('pngquant', ['--force', '--skip-if-larger', '--output', file, '--strip', '64', file], { anyCode: true });
		console.log(file);
	}
	await close();
} finally {
	await stopAll();
}

/** What the nodes and notes of the canvas take up. */
async function area(page) {
	const boxes = await Promise.all((await page.locator('.vue-flow__node').all()).map((node) => node.boundingBox()));
	const x = Math.min(...boxes.map((box) => box.x)) - MARGIN;
	const y = Math.min(...boxes.map((box) => box.y)) - MARGIN;
	const right = Math.max(...boxes.map((box) => box.x + box.width)) + MARGIN;
	const bottom = Math.max(...boxes.map((box) => box.y + box.height)) + MARGIN;
	return { x, y, width: right - x, height: bottom - y };
}
