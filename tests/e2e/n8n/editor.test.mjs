// The template and the node in n8n's own editor, in a real Chromium: they open without an error, can be filled in, and
// run.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ollama } from '../../world/ollama.mjs';
import { needOrSkip, stopAll } from '../bed/index.mjs';
import { digestWorkflow, FLEET, startFeed } from '../digest/digest.mjs';
import { openEditor } from './editor.mjs';
import { fleetOf, startServer } from './workbench.mjs';

after(stopAll);

test('the editor opens the template, shows parameters and models, runs it, and offers the node', async (t) => {
	const bed = await needOrSkip(t, 'n8n', 'chromium');
	if (!bed) return;
	const [host, feed] = [await ollama(), await startFeed()];
	t.after(() => [host.close(), feed.stop()]);
	const fleet = { ...fleetOf('Fleet', { pc: host.url }), id: FLEET };
	const workflow = digestWorkflow({ id: 'digest', feed: feed.url, engine: 'auto' });
	const { server } = await startServer(bed.n8n, { credentials: [fleet], workflows: [workflow] });
	const { page, errors, close, part, node, leave } = await openEditor(server.url, await bed.chromium.install());
	t.after(close);

	await page.goto(`${server.url}/workflow/digest`);
	await node('Write Digest').waitFor();
	assert.equal(
		await part('canvas-node').count(),
		workflow.nodes.filter(({ type }) => !type.endsWith('stickyNote')).length,
	);

	await node('Summarize Entry').dblclick();
	const panel = part('ndv');
	await panel.waitFor();
	for (const name of ['prompt', 'task', 'mode', 'deadline', 'model', 'engine', 'decision', 'maxTokens']) {
		await part(`parameter-input-${name}`).first().waitFor();
	}
	const [hosts, metrics] = await part('credentials-label').allTextContents();
	assert.match(hosts, /^\s*Ollama Hosts/);
	assert.match(metrics, /^\s*Metrics \(Optional\)/);

	await part('rlc-input').first().click();
	await page.getByText('phi3:mini (pc)').waitFor();
	await page.keyboard.press('Escape');
	await leave();

	await part('execute-workflow-button').click();
	await page.getByText('Workflow executed successfully').first().waitFor();
	await node('Summarize Entry').dblclick();
	await panel.getByText('Hello there').first().waitFor();
	await leave();

	await part('node-creator-plus-button').click();
	await part('node-creator-search-bar').fill('smart ai');
	await part('node-creator-item-name').getByText('Smart AI', { exact: true }).waitFor();
	assert.deepEqual(errors, []);
});
