import type { INodeType, INodeTypeDescription, ISupplyDataFunctions, SupplyData } from 'n8n-workflow';
import { NodeConnectionTypes, NodeOperationError } from 'n8n-workflow';

import type { Answer, AskRequest, Mode } from '../../engine/contract';
import { fleetTest } from '../SmartAi/fleetTest';
import { leaseEngine } from '../SmartAi/lease';
import { modelsAble } from '../SmartAi/modelSearch';
import { failureOf } from '../SmartAi/output';
import { baseRequest, type Options, UnusableParameter } from '../SmartAi/request';
import { answeredBy } from '../SmartAi/words';
import { DispatchedModel } from './dispatchedModel';
import { mended } from './mend';
import { properties } from './properties';

export class SmartAiChatModel implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Smart AI Chat Model',
		name: 'smartAiChatModel',
		icon: { light: 'file:../../icons/smartAi.svg', dark: 'file:../../icons/smartAi.dark.svg' },
		group: ['transform'],
		version: 1,
		subtitle: '={{ $parameter["model"]["value"] || $parameter["mode"] }}',
		description: 'Local models for agents and chains; Smart AI picks the model and the host for each call',
		defaults: { name: 'Smart AI Chat Model' },
		inputs: [],
		outputs: [NodeConnectionTypes.AiLanguageModel],
		outputNames: ['Model'],
		credentials: [
			{ name: 'smartAiFleetApi', displayName: 'Ollama Hosts', required: true, testedBy: 'fleetTest' },
			{ name: 'smartAiPrometheusApi', displayName: 'Metrics (Optional)', required: false },
		],
		properties,
	};

	methods = { listSearch: { chatModels: modelsAble('completion') }, credentialTest: { fleetTest } };

	async supplyData(this: ISupplyDataFunctions, itemIndex: number): Promise<SupplyData> {
		const sdk = await loadSdk(this);
		const options = this.getNodeParameter('options', itemIndex, {}) as Options;
		const defaults = defaultsOf(this, options, itemIndex);
		const lease = await leaseEngine(this, options.engine ?? 'auto');
		const model = new DispatchedModel({
			engine: lease.engine,
			defaults,
			cancel: this.getExecutionCancelSignal(),
			load: async (url) => await base64Behind(this, url),
			schemaOf: sdk.getParametersJsonSchema,
			tell: (answer) => {
				const message = answer.ok ? answeredBy(answer) : `${answeredBy(answer)}; the answer was cut off`;
				const type = answer.ok && !answer.detour ? 'info' : 'warning';
				this.addExecutionHints({ message, type, location: 'outputPane' });
			},
			failure: (answer, streamed) => failureFor(this, answer, streamed),
		});
		return {
			response: mended(sdk.supplyModel(this, model).response as object),
			closeFunction: async () => await lease.release(),
		};
	}
}

/** Loaded late: n8n before 2.16 has none, and would then miss every node of this package. */
async function loadSdk(context: ISupplyDataFunctions): Promise<typeof import('@n8n/ai-node-sdk')> {
	try {
		return await import('@n8n/ai-node-sdk');
	} catch {
		throw new NodeOperationError(context.getNode(), 'This node needs n8n 2.16 or later', {
			description: 'Update n8n, or use the node Smart AI, which runs on older versions too.',
		});
	}
}

function defaultsOf(context: ISupplyDataFunctions, options: Options, itemIndex: number): AskRequest {
	const mode = context.getNodeParameter('mode', itemIndex, 'balanced') as Mode;
	const model = String(context.getNodeParameter('model', itemIndex, '', { extractValue: true }) ?? '');
	try {
		return baseRequest(mode, model, options, `${context.getWorkflow().id}/${context.getNode().id}`);
	} catch (error) {
		const description = error instanceof UnusableParameter ? error.hint : undefined;
		throw new NodeOperationError(context.getNode(), error as Error, { description });
	}
}

async function base64Behind(context: ISupplyDataFunctions, url: string): Promise<string> {
	const { httpRequest } = context.helpers;
	const abortSignal = context.getExecutionCancelSignal();
	const bytes = (await httpRequest({ method: 'GET', url, encoding: 'arraybuffer', abortSignal })) as ArrayBuffer;
	return Buffer.from(bytes).toString('base64');
}

function failureFor(context: ISupplyDataFunctions, answer: Answer, streamed: boolean): NodeOperationError {
	const { message, hint } = failureOf(answer);
	// The reader of a stream sees the description alone.
	const description = streamed ? `${message}. ${hint}` : hint;
	const error = new NodeOperationError(context.getNode(), message, { description });
	// n8n puts a stock phrase where a message holds a word such as ECONNREFUSED; ours names the host.
	error.message = message;
	return error;
}
