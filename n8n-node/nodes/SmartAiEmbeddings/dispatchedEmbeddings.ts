import type { AskRequest, Engine, Served } from '../../engine/contract';

/** What embeddings need of the node that they stand for. */
export interface Surroundings {
	engine: Engine;
	/** What every call has: the model, and how long it may take. */
	defaults: AskRequest;
	/** Ends with the execution: n8n passes no signal on. */
	cancel?: AbortSignal;
	/** Writes down what goes in; returns who takes what comes of it. */
	begin(texts: string[]): (ended: Served | Error) => void;
	/** What to throw for texts that cannot be embedded, or an answer that failed. */
	failure(message: string, hint: string): Error;
}

/** Embeddings as n8n's vector stores ask for them: no class of LangChain, only its two methods. */
export interface Embeddings {
	embedDocuments(texts: string[]): Promise<number[][]>;
	embedQuery(text: string): Promise<number[]>;
}

/** Embeddings by one model, of which every call is dispatched to a host that has it. */
export function dispatchedEmbeddings(around: Surroundings): Embeddings {
	const { engine, defaults, cancel, begin, failure } = around;

	async function embedded(texts: string[]): Promise<number[][]> {
		const empty = texts.findIndex((text) => typeof text !== 'string' || text.trim() === '');
		if (empty >= 0) {
			throw failure(
				`Text ${empty + 1} of ${texts.length} to embed is empty`,
				'Leave out empty documents, or correct the expression that the text comes from.',
			);
		}
		if (texts.length === 0) return [];
		const end = begin(texts);
		const messages = texts.map((content) => ({ role: 'user' as const, content }));
		const answer = await engine.ask({ ...defaults, task: 'embed', messages }, { signal: cancel });
		if (answer.ok && answer.embeddings?.length === texts.length) {
			end(answer);
			return answer.embeddings;
		}
		const { message, hint } = answer.error ?? {
			message: `The host returned ${answer.embeddings?.length ?? 0} vectors for ${texts.length} texts`,
			hint: 'Choose another embedding model.',
		};
		const error = failure(message, hint);
		end(error);
		throw error;
	}

	return {
		embedDocuments: embedded,
		embedQuery: async (text) => (await embedded([text]))[0] ?? [],
	};
}
