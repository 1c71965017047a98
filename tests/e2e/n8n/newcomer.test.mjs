// What a new user does in n8n's editor, in a real Chromium: adds each node, sets the credentials, asks, and takes a
// template. One test goes on where the one before ended.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import path from 'node:path';
import { line, lines, ollama } from '../../world/ollama.mjs';
import { everyPartRequired, freePort, MissingPart, need, stopAll, until } from '../bed/index.mjs';
import { openEditor } from './editor.mjs';
import { PACKAGE, startServer } from './workbench.mjs';

const MODELS = ['llama3.2:3b', 'nomic-embed-text'];
const ABLE = { 'llama3.2:3b': ['completion', 'tools'], 'nomic-embed-text': ['embedding'] };
const QUESTION = 'What is 17 times 23?';

let missing;
let server;
let editor;
let host;
/** Called when the first half of an answer is out; the second goes out once it returns. */
let between = async () => {};

async function chat(_, response) {
	const { messages, tools } = host.requests.at(-1).body;
	if (messages.at(-1).role === 'tool') {
		response.write(line({ message: { role: 'assistant', content: '17 times 23 ' }, done: false }));
		await between();
		return lines(response, ['is 391.']);
	}
	if (!tools) return lines(response, ['Hello', ' there']);
	const call = { function: { name: 'Calculator', arguments: { input: '17*23' } } };
	const message = { role: 'assistant', content: '', tool_calls: [call] };
	response.end(line({ message, done: true, done_reason: 'stop', prompt_eval_count: 40, eval_count: 8 }));
}

before(async () => {
	try {
		const [n8n, chromium] = [await need('n8n'), await need('chromium')];
		host = await ollama({ models: MODELS, abilities: ABLE, chat });
		({ server } = await startServer(n8n, { credentials: [], workflows: [] }));
		editor = await openEditor(server.url, await chromium.install());
	} catch (error) {
		if (!(error instanceof MissingPart) || everyPartRequired) throw error;
		missing = error.message;
	}
});

after(async () => {
	await editor?.close();
	await stopAll();
	await host?.close();
});

const inEditor = (name, body) =>
	test(name, async (t) => {
		if (missing) return t.skip(missing);
		await editor.page.goto(`${server.url}/workflow/new`);
		await editor.part('canvas-plus-button').click();
		await body(editor);
		assert.deepEqual(editor.errors, []);
	});

inEditor('Smart AI is added, its wrong host named, its right one greeted, and a prompt answered', async (n8n) => {
	const { page, part, node, take } = n8n;
	await take('Trigger manually', 'manual');
	await part('node-creator-plus-button').click();
	await take('Smart AI');
	await page.getByText('Generate text').waitFor();
	const icon = page.locator('img[src$="/icons/smartAi.svg"]').first();
	assert.ok(await icon.evaluate((image) => image.decode().then(() => image.naturalWidth > 0)));
	const actions = await part('node-creator-item-name').allTextContents();
	for (const action of ['Classify text', 'Extract data from text', 'Verify the fleet'])
		assert.ok(actions.includes(action));
	for (const mode of ['Balanced', 'Best', 'Fast']) assert.ok(!actions.includes(mode), actions.join());
	await page.getByText('Generate text').click();

	await part('node-credentials-empty-state').first().getByRole('button').click();
	const form = part('editCredential-modal');
	const url = form.locator('[data-test-id="parameter-input-url"] input');
	await url.fill(`http://127.0.0.1:${await freePort()}`);
	await part('credential-save-button').click();
	await form.getByText('More details').click();
	await form.getByText(/^0 of 1 hosts answer; local: .*start Ollama there/).waitFor();
	await url.fill(host.url);
	await part('credential-save-button').click();
	await form.waitFor({ state: 'hidden' });
	await part('credential-edit-button').click();
	await form.getByText('Connection tested successfully').waitFor();
	// Leaves the credential and the node behind it.
	await page.keyboard.press('Escape');
	await part('ndv').waitFor({ state: 'hidden' });
	await node('Generate text').dblclick();

	await part('rlc-input').first().click();
	assert.deepEqual(await texts(part('rlc-item')), ['llama3.2:3b (local)']);
	await page.keyboard.press('Escape');
	await part('parameter-input-prompt').locator('textarea').fill('Say hello.');
	await part('node-execute-button').click();
	const output = part('output-panel');
	await output.getByText('Hello there').waitFor();
	await output.getByText(/^Answered by llama3\.2:3b on local in (under )?\d/).waitFor();
	await until('its tokens', async () =>
		/prompt_tokens\s*:\s*3\s*output_tokens\s*:\s*2/.test(await output.textContent()),
	);
});

inEditor('the "+" of an agent adds the chat model, which calls a tool and answers', async (n8n) => {
	const { page, part, node, plus, take, leave } = n8n;
	await take('AI Agent');
	await leave();
	await plus('AI Agent', 'ai_languageModel').click();
	await take('Smart AI Chat Model', 'smart');
	await page.getByText('Add to workflow').click();
	await leave();
	await plus('AI Agent', 'ai_tool').click();
	await take('Calculator');
	await leave();
	await ask(n8n);
	await part('canvas-chat').getByText('17 times 23 is 391.').waitFor();
	await node('Smart AI Chat Model').dblclick();
	const output = part('output-panel');
	await output.getByText(/^Answered by llama3\.2:3b on local/).waitFor();
	const tokens = /completionTokens\s*:\s*1\s*promptTokens\s*:\s*3\s*totalTokens\s*:\s*4/;
	await until('its tokens', async () => tokens.test(await output.textContent()));
});

inEditor('the "+" of a vector store adds the embeddings, which list models that embed', async (n8n) => {
	const { page, part, node, plus, take, leave } = n8n;
	await take('Trigger manually', 'manual');
	await part('node-creator-plus-button').click();
	await take('Simple Vector Store');
	await page.getByText('Get ranked documents from vector store').click();
	await part('parameter-input-prompt').locator('input').fill('a pet');
	await leave();
	await plus('Simple Vector Store', 'ai_embedding').click();
	await take('Smart AI Embeddings', 'smart');
	await page.getByText('Add to workflow').click();
	await part('rlc-input').first().click();
	assert.deepEqual(await texts(part('rlc-item')), ['nomic-embed-text (local)']);
	await part('rlc-item').click();
	await leave();
	await part('execute-workflow-button').click();
	await page.getByText('Workflow executed successfully').first().waitFor();
	await node('Smart AI Embeddings').dblclick();
	await part('output-panel')
		.getByText(/^Answered by nomic-embed-text on local/)
		.waitFor();
});

inEditor('a template is imported, finds the credential, and streams an answer into the chat', async (n8n) => {
	const { page, part, node } = n8n;
	await page.keyboard.press('Escape');
	await part('workflow-menu').click();
	await part('workflow-menu-item-import').hover();
	const [chooser] = await Promise.all([
		page.waitForEvent('filechooser'),
		page.getByRole('menuitem', { name: 'From file' }).click(),
	]);
	await chooser.setFiles(path.join(PACKAGE, 'templates', 'chat-agent.json'));
	await node('Fleet Status').waitFor();
	const said = part('canvas-chat');
	between = async () => {
		await said.getByText('17 times 23', { exact: true }).waitFor();
		assert.equal(await said.getByText('391').count(), 0);
	};
	await ask(n8n);
	await said.getByText('17 times 23 is 391.').waitFor();
});

/** The chat stays as it was left in another workflow: open, or shut. */
async function ask({ part }) {
	const field = part('canvas-chat').locator('textarea');
	const open = part('workflow-chat-button').getByText('Open chat');
	await field.or(open).first().waitFor();
	if (await open.isVisible()) await open.click();
	await field.fill(QUESTION);
	await field.press('Enter');
}

/** The texts of a list, once it is there. */
async function texts(items) {
	await items.first().waitFor();
	return (await items.allTextContents()).map((text) => text.trim());
}
