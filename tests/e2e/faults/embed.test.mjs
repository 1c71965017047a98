// Many texts to embed: asked in parts, each repeated by itself where it fails, and one answer in the order of the
// texts.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { drivers } from './drivers.mjs';
import { startHost } from './host.mjs';
import { attemptsOf } from './trial.mjs';

const MODEL = 'all-minilm';
const texts = Array.from({ length: 100 }, (_, place) => `text number ${place}`);
const askOf = (texts) => ({ task: 'embed', messages: texts.map((content) => ({ role: 'user', content })) });
const maker = (name) => ({ name, size_gb: 0.05, capabilities: ['embedding'], prefill_tok_per_s: 5000 });

const inOrder = texts.map((_, place) => place);
/** Which text each vector belongs to. */
const places = ({ embeddings }) => embeddings?.map((vector) => wanted.findIndex((it) => isDeepStrictEqual(it, vector)));

let hosts;
/** What a host says of each text alone. */
let wanted;
before(async () => {
	hosts = [await startHost({ models: [maker(MODEL)] }), await startHost({ models: [maker(MODEL)] })];
	const body = JSON.stringify({ model: MODEL, input: texts });
	const response = await fetch(`${hosts[0].url}/api/embed`, { method: 'POST', body });
	wanted = (await response.json()).embeddings;
});
after(() => Promise.all((hosts ?? []).map((host) => host.stop())));

for (const [name, create] of Object.entries(drivers)) {
	suite(name, () => {
		/** A fleet in health whose hosts have been looked at. */
		const fleet = async (config = {}) => {
			await Promise.all(hosts.map((host) => host.heal()));
			const ai = create({
				...config,
				hosts: hosts.map(({ url }, place) => ({ id: 'ab'[place], instance: 'ab'[place], url })),
			});
			await ai.snapshot();
			return ai;
		};

		test('a hundred texts take four calls, and their vectors come in order', async () => {
			const ai = await fleet();
			const answer = await ai.ask({ ...askOf(texts), id: 'many' });
			assert.deepEqual(
				[answer.ok, answer.id, answer.attempts.length, answer.model],
				[true, 'many', 4, `${MODEL}:latest`],
			);
			assert.deepEqual(places(answer), inOrder, JSON.stringify(answer.error));
			assert.ok(answer.usage.prompt_tokens >= 300);
			ai.close();
		});

		test('a part that fails is repeated elsewhere, and only it', async () => {
			const ai = await fleet();
			// The first part goes to `a`; of the others one is refused there.
			await hosts[0].fault({ kind: 'busy', count: 1 });
			const answer = await ai.ask(askOf(texts));
			assert.deepEqual(places(answer), inOrder, JSON.stringify(answer.error));
			const outcomes = attemptsOf(answer);
			assert.deepEqual(
				[outcomes.filter((it) => it.endsWith(' ok')).length, outcomes.filter((it) => it === 'a busy').length],
				[4, 1],
			);
			ai.close();
		});

		test('the parts after the first are asked of its model, whatever else there is', async () => {
			const both = await startHost({ models: [maker(MODEL), maker('nomic-embed-text')] });
			const ai = create({ hosts: [{ id: 'a', url: both.url }] });
			const answer = await ai.ask(askOf(texts));
			assert.equal(answer.attempts.length, 4, JSON.stringify(answer.error));
			assert.equal(new Set(answer.attempts.map((it) => it.model)).size, 1);
			ai.close();
			await both.stop();
		});

		test('a part that every host refuses fails the whole: a reason, and no vectors', async () => {
			const ai = await fleet();
			await hosts[0].fault({ kind: 'status', status: 400, count: 1 });
			const answer = await ai.ask(askOf(texts));
			assert.deepEqual(
				[answer.ok, answer.error.code, answer.embeddings, answer.model],
				[false, 'request_refused', undefined, null],
			);
			ai.close();
		});

		test('cancelling ends every part', async () => {
			const ai = await fleet();
			await Promise.all(hosts.map((host) => host.fault({ kind: 'hang' })));
			const abort = new AbortController();
			const answer = ai.ask(askOf(texts), { signal: abort.signal });
			setImmediate(() => abort.abort());
			assert.equal((await answer).error.code, 'cancelled');
			ai.close();
		});

		test('a dispatcher that drains lets every part end', async () => {
			const ai = await fleet();
			const answer = ai.ask(askOf(texts));
			await ai.drain();
			assert.deepEqual(places(await answer), inOrder);
		});
	});
}
