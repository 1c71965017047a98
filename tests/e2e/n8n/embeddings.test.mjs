// Smart AI's sub-nodes under n8n's own vector store and chain, in a real n8n, by real models on a real Ollama.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { freePort, needOrSkip, stopAll } from '../bed/index.mjs';
import { activate, call, chatModel, cluster, EMBEDDINGS, latest, node } from './cluster.mjs';
import { fleetOf, startServer } from './workbench.mjs';

const LANGCHAIN = '@n8n/n8n-nodes-langchain';
const TEXTS = ['The cat sleeps on the sofa.', 'Interest rates rose by a quarter point.', 'A dog barks in the garden.'];

after(stopAll);

test('texts are stored and found again by meaning, and a chain is answered, on the host that lives', async (t) => {
	const bed = await needOrSkip(t, 'n8n', 'ollama', 'models');
	if (!bed) return;
	const { folder, tags } = await bed.models.install();
	const host = await bed.ollama.start({ models: folder });
	const fleet = fleetOf('Fleet', { gone: `http://127.0.0.1:${await freePort()}`, pc: host.url });
	const by = (value) => ({ model: { __rl: true, mode: 'id', value } });
	const embeddings = () =>
		node('Embeddings', EMBEDDINGS, 1, by(tags.minilm), {
			sub: 'ai_embedding',
			credentials: { smartAiFleetApi: { id: fleet.id, name: fleet.name } },
		});
	const memoryKey = { __rl: true, mode: 'id', value: 'stored' };
	const store = (parameters) => node('Store', `${LANGCHAIN}.vectorStoreInMemory`, 1.3, { memoryKey, ...parameters });
	const split = node('Split', 'n8n-nodes-base.splitOut', 1, { fieldToSplitOut: 'body.texts', options: {} });
	const documents = node(
		'Documents',
		`${LANGCHAIN}.documentDefaultDataLoader`,
		1,
		{ jsonMode: 'expressionData', jsonData: "={{ $json['body.texts'] }}", options: {} },
		{ sub: 'ai_document' },
	);
	const splitter = node(
		'Splitter',
		`${LANGCHAIN}.textSplitterCharacterTextSplitter`,
		1,
		{ chunkSize: 1000 },
		{ sub: 'ai_textSplitter', of: 'Documents' },
	);
	const flows = {
		insert: cluster({
			id: 'insert',
			roots: [split, store({ mode: 'insert' })],
			subs: [embeddings(), documents, splitter],
		}),
		load: cluster({
			id: 'load',
			roots: [store({ mode: 'load', prompt: '={{ $json.body.question }}', topK: 1 })],
			subs: [embeddings()],
		}),
		chain: cluster({
			id: 'chain',
			roots: [
				node('Chain', `${LANGCHAIN}.chainLlm`, 1.9, { promptType: 'define', text: '={{ $json.body.question }}' }),
			],
			subs: [chatModel(fleet, { ...by(tags.smollm2), options: { maxTokens: 24, temperature: 0 } })],
		}),
	};
	const { server, session } = await startServer(bed.n8n, { credentials: [fleet], workflows: Object.values(flows) });
	for (const flow of Object.values(flows)) await activate(session, flow);

	await (await call(server, flows.insert, { texts: TEXTS })).text();
	const inserted = await latest(session, flows.insert);
	assert.equal(inserted.status, 'success', JSON.stringify(inserted.error));
	const [run, ...others] = inserted.runs.Embeddings;
	assert.deepEqual(others, [], 'one call for all texts');
	const { ms, promptTokens, engine, ...told } = run.data.ai_embedding[0][0].json;
	assert.deepEqual(told, { vectors: 3, dimensions: 384, model: tags.minilm, host: 'pc' });
	assert.match(engine, /^(native|wasm)$/);
	assert.ok(ms >= 0 && promptTokens > 10);

	const found = await (await call(server, flows.load, { question: 'Which pet is resting?' })).json();
	assert.equal(found.document.pageContent, TEXTS[0]);

	const said = await (await call(server, flows.chain, { question: 'What is the capital of France?' })).json();
	assert.ok(said.text.length > 0, JSON.stringify(said));
	const { runs } = await latest(session, flows.chain);
	const { response, tokenUsage } = runs.Model[0].data.ai_languageModel[0][0].json;
	assert.ok(tokenUsage.completionTokens > 0 && tokenUsage.completionTokens <= 24, JSON.stringify(tokenUsage));
	const { model, host: answered } = response.generations[0][0].generationInfo.smart_ai;
	assert.deepEqual([model, answered], [tags.smollm2, 'pc']);
});
