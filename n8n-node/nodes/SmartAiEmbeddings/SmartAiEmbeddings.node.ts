import type {
	ExecutionError,
	IDataObject,
	INodeType,
	INodeTypeDescription,
	ISupplyDataFunctions,
	SupplyData,
} from 'n8n-workflow';
import { NodeConnectionTypes, NodeOperationError } from 'n8n-workflow';

import type { EngineWish } from '../../engine/choice';
import type { AskRequest, Served } from '../../engine/contract';
import { fleetTest } from '../SmartAi/fleetTest';
import { leaseEngine } from '../SmartAi/lease';
import { modelsAble } from '../SmartAi/modelSearch';
import { answeredBy } from '../SmartAi/words';
import { dispatchedEmbeddings } from './dispatchedEmbeddings';
import { properties } from './properties';

export class SmartAiEmbeddings implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Smart AI Embeddings',
		name: 'smartAiEmbeddings',
		icon: { light: 'file:../../icons/smartAi.svg', dark: 'file:../../icons/smartAi.dark.svg' },
		group: ['transform'],
		version: 1,
		subtitle: '={{ $parameter["model"]["value"] }}',
		description: 'Vectors of texts by one local model; Smart AI picks the host for each call',
		defaults: { name: 'Smart AI Embeddings' },
		inputs: [],
		outputs: [NodeConnectionTypes.AiEmbedding],
		outputNames: ['Embeddings'],
		credentials: [
			{ name: 'smartAiFleetApi', displayName: 'Ollama Hosts', required: true, testedBy: 'fleetTest' },
			{ name: 'smartAiPrometheusApi', displayName: 'Metrics (Optional)', required: false },
		],
		properties,
	};

	methods = { listSearch: { embeddingModels: modelsAble('embedding') }, credentialTest: { fleetTest } };

	async supplyData(this: ISupplyDataFunctions, itemIndex: number): Promise<SupplyData> {
		const { engine: wish = 'auto', deadline = 0 } = this.getNodeParameter('options', itemIndex, {}) as {
			engine?: EngineWish;
			deadline?: number;
		};
		const model = String(this.getNodeParameter('model', itemIndex, '', { extractValue: true }) ?? '').trim();
		const failure = (message: string, description: string): Error => {
			const error = new NodeOperationError(this.getNode(), message, { description });
			// n8n puts a stock phrase where a message holds a word such as ECONNREFUSED; ours names the host.
			error.message = message;
			return error;
		};
		if (model === '') throw failure('No embedding model is chosen', 'Choose one in Smart AI Embeddings.');
		const defaults: AskRequest = { model, shape: `${this.getWorkflow().id}/${this.getNode().id}` };
		if (deadline > 0) defaults.deadline_ms = Math.round(deadline * 1000);
		const lease = await leaseEngine(this, wish);
		const response = dispatchedEmbeddings({
			engine: lease.engine,
			defaults,
			cancel: this.getExecutionCancelSignal(),
			begin: (texts) => runOf(this, texts),
			failure,
		});
		return { response, closeFunction: async () => await lease.release() };
	}
}

/** One run in the node's own output, as n8n's embeddings have it, but without the numbers: they fill a screen. */
function runOf(context: ISupplyDataFunctions, documents: string[]): (ended: Served | Error) => void {
	const type = NodeConnectionTypes.AiEmbedding;
	const { index } = context.addInputData(type, [[{ json: { documents } }]]);
	return (ended) => {
		if (ended instanceof Error) {
			context.addOutputData(type, index, ended as ExecutionError);
			return;
		}
		const { model, host, ms, usage, embeddings = [] } = ended;
		const json: IDataObject = {
			vectors: embeddings.length,
			dimensions: embeddings[0]?.length ?? 0,
			model,
			host,
			ms: ms.total,
			promptTokens: usage.prompt_tokens,
			engine: ended.engine,
		};
		const hint = {
			message: answeredBy(ended),
			type: ended.detour ? 'warning' : 'info',
			location: 'outputPane',
		} as const;
		context.addExecutionHints(hint);
		context.addOutputData(type, index, [[{ json }]]);
		context.logAiEvent('ai-document-embedded');
	};
}
