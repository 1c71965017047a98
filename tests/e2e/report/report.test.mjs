// `smart-ai report`: the page is whole by itself, draws its charts in real Chromium at every width and in both schemes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { root, target } from '../../../paths.mjs';
import { needOrSkip, scratchFolder } from '../bed/index.mjs';
import { run } from '../bed/process.mjs';

const source = path.join(root, 'runtime/src/report/page');

/** Jobs of two tasks on two hosts; one call in ten fails first, one job in forty for good. */
function rows(count) {
	return Array.from({ length: count }, (_, number) => {
		const [task, model, tokens] = number % 3 ? ['chat', 'small:1b', 40] : ['summarize', 'large:8b', 120];
		const host = number % 2 ? 'pc' : 'nas';
		const total = tokens * (host === 'pc' ? 10 : 20) + (number % 7) * 100;
		const ok = number % 40 !== 39;
		const attempts = [
			...(number % 10 === 9 ? [{ host, model, outcome: 'busy', ms: 50 }] : []),
			{ host, model, outcome: ok ? 'ok' : 'busy', ms: total },
		];
		return {
			at_ms: Date.UTC(2026, 0, 1) + number * 1500,
			id: number,
			ok,
			model: ok ? model : null,
			host: ok ? host : null,
			attempts,
			decision: { task },
			usage: { prompt_tokens: 200, output_tokens: ok ? tokens : 0 },
			ms: { queue: number % 10 === 9 ? 50 : 0, load: number < 4 ? 900 : 0, first_token: 200, total },
			predicted_ms: total * (0.8 + (number % 5) / 10),
		};
	});
}

function report(jobs, ...flags) {
	const out = path.join(scratchFolder('report'), 'report.html');
	const { status, stderr } = spawnSync(
		path.join(target, 'debug', 'smart-ai'),
		['report', '--from', '-', '--out', out, ...flags],
		{ input: jobs.map((row) => JSON.stringify(row)).join('\n'), encoding: 'utf8' },
	);
	return { status, stderr, out };
}

test('the program in the page is what its source makes', async () => {
	const made = path.join(scratchFolder('report-page'), 'page.js');
	await run('npm', ['run', '--silent', 'build', '--', `--outfile=${made}`, '--allow-overwrite'], { cwd: source });
	assert.equal(readFileSync(path.join(source, 'page.js'), 'utf8'), readFileSync(made, 'utf8'));
});

test('without jobs it says what is missing, and a line that is no row is named', () => {
	assert.equal(report([]).status, 1);
	assert.match(report([]).stderr, /no jobs/);
	const { status, stderr } = report([{ ok: 'yes' }]);
	assert.equal(status, 2);
	assert.match(stderr, /line 1: /);
});

test('the page draws every chart at every width, in light and dark, and asks for nothing', async (t) => {
	const bed = await needOrSkip(t, 'chromium');
	if (!bed) return;
	const built = spawnSync('cargo', ['build', '--locked', '--quiet', '-p', 'smart-ai'], {
		cwd: root,
		env: { ...process.env, CARGO_TARGET_DIR: target },
		stdio: 'inherit',
	});
	assert.equal(built.status, 0);
	const { status, stderr, out } = report(rows(200));
	assert.equal(status, 0, stderr);
	const { command, args } = await bed.chromium.install();
	const browser = await chromium.launch({
		executablePath: command,
		args: args.filter((arg) => !arg.startsWith('--headless')),
	});
	const pictures = process.env.REPORT_PICTURES;
	if (pictures) mkdirSync(pictures, { recursive: true });
	try {
		for (const [width, colorScheme] of [
			[1280, 'light'],
			[1280, 'dark'],
			[390, 'light'],
			[390, 'dark'],
		]) {
			const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
			const asked = [],
				errors = [];
			page.on('request', (request) => asked.push(request.url()));
			page.on('pageerror', (error) => errors.push(error.message));
			await page.goto(pathToFileURL(out).href);
			await page.waitForFunction(() =>
				[...document.querySelectorAll('.chart')].every((chart) => chart.querySelector('svg')),
			);
			assert.deepEqual(errors, []);
			assert.deepEqual(asked, [pathToFileURL(out).href]);
			assert.equal(await page.locator('.chart').count(), 10);
			assert.ok((await page.locator('svg circle').count()) > 150, 'a dot for each prediction');
			assert.match(await page.locator('.tiles').textContent(), /97\.5 %|98 %/);
			const wide = await page.evaluate(() => document.documentElement.scrollWidth);
			assert.ok(wide <= width, `the page is ${wide} wide on a screen of ${width}`);
			const [ground, ink] = await page.evaluate(() =>
				[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color].map((colour) =>
					Number(/\d+/.exec(colour)[0]),
				),
			);
			assert.equal(ground > ink, colorScheme === 'light');
			if (pictures)
				writeFileSync(path.join(pictures, `${width}-${colorScheme}.png`), await page.screenshot({ fullPage: true }));
			await page.close();
		}
	} finally {
		await browser.close();
	}
});
