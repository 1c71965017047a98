import type { IExecuteFunctions, INodeExecutionData, INodeType, INodeTypeDescription } from 'n8n-workflow';
import { NodeConnectionTypes, NodeOperationError } from 'n8n-workflow';

import type { AskRequest, Engine } from '../../engine/contract';
import { eachIndex } from './concurrency';
import { fleetTest } from './fleetTest';
import { leaseEngine } from './lease';
import { modelsAble } from './modelSearch';
import { answerOutput, failureOf, failureOutput, type OutputChoice } from './output';
import { parameters } from './parameters';
import { feedbackOf, type Rating } from './rating';
import { askRequest, type Options, type Parameters, UnusableParameter } from './request';

export class SmartAi implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Smart AI',
		name: 'smartAi',
		icon: { light: 'file:smartAi.svg', dark: 'file:smartAi.dark.svg' },
		group: ['transform'],
		version: 1,
		subtitle:
			'={{ $parameter["operation"] === "rate" ? "rate an answer" : $parameter["task"] + ", " + $parameter["mode"] }}',
		description: 'Ask a local model; Smart AI picks the model and the host for each item',
		defaults: { name: 'Smart AI' },
		inputs: [NodeConnectionTypes.Main],
		outputs: [NodeConnectionTypes.Main],
		usableAsTool: true,
		credentials: [
			{
				name: 'smartAiFleetApi',
				displayName: 'Ollama Hosts',
				required: true,
				testedBy: 'fleetTest',
			},
			{ name: 'smartAiPrometheusApi', displayName: 'Metrics (Optional)', required: false },
		],
		properties: parameters,
	};

	methods = { listSearch: { modelSearch: modelsAble('completion') }, credentialTest: { fleetTest } };

	async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
		const items = this.getInputData();
		if (items.length === 0) return [[]];
		const first = this.getNodeParameter('options', 0, {}) as Options;
		const lease = await leaseEngine(this, first.engine ?? 'auto');
		const run = new AbortController();
		const cancelled = this.getExecutionCancelSignal();
		const signal = cancelled ? AbortSignal.any([cancelled, run.signal]) : run.signal;
		const rates = this.getNodeParameter('operation', 0, 'ask') === 'rate';
		const work = rates ? rateItem : askItem;
		const output: INodeExecutionData[] = [];
		try {
			await eachIndex(
				items.length,
				first.concurrency ?? 4,
				async (index) => {
					output[index] = await work(this, index, lease.engine, signal);
				},
				() => run.abort(),
			);
		} finally {
			lease.release();
		}
		return [output];
	}
}

async function askItem(
	context: IExecuteFunctions,
	index: number,
	engine: Engine,
	signal: AbortSignal,
): Promise<INodeExecutionData> {
	const given = parametersOf(context, index);
	const choice: OutputChoice = {
		decision: given.options.decision ?? 'summary',
		simplify: given.options.simplify ?? false,
	};
	const pairedItem = { item: index };
	const refused = (message: string, description: string) => {
		const options = { description, itemIndex: index };
		const error = new NodeOperationError(context.getNode(), message, options);
		// n8n puts a stock phrase where a message holds a word such as ECONNREFUSED; ours names the host.
		error.message = message;
		return error;
	};

	let request: AskRequest;
	try {
		request = askRequest(given, `${context.getWorkflow().id}/${context.getNode().id}`);
	} catch (error) {
		const hint = error instanceof UnusableParameter ? error.hint : '';
		if (!context.continueOnFail()) throw refused((error as Error).message, hint);
		const json = { error: (error as Error).message, code: 'invalid_request', hint };
		return { json, pairedItem };
	}

	const answer = await engine.ask(request, { signal });
	if (answer.ok) return { json: answerOutput(answer, request, engine.name, choice), pairedItem };
	const { message, hint } = failureOf(answer);
	if (!context.continueOnFail() || signal.aborted) throw refused(message, hint);
	return { json: failureOutput(answer, engine.name, choice), pairedItem };
}

async function rateItem(context: IExecuteFunctions, index: number, engine: Engine): Promise<INodeExecutionData> {
	const text = (name: string) => String(context.getNodeParameter(name, index, '') ?? '');
	const feedback = feedbackOf({
		model: text('ratedModel'),
		task: text('ratedTask'),
		rating: context.getNodeParameter('rating', index, 'up') as Rating,
		score: context.getNodeParameter('score', index, 1) as number,
		answer: text('answer'),
		edited: text('edited'),
	});
	const pairedItem = { item: index };
	try {
		await engine.feedback(feedback);
	} catch (error) {
		const { message, hint = '' } = error as Error & { hint?: string };
		if (context.continueOnFail()) return { json: { error: message, code: 'invalid_request', hint }, pairedItem };
		throw new NodeOperationError(context.getNode(), message, { description: hint, itemIndex: index });
	}
	const { model, task } = feedback;
	return { json: { rated: true, model, task, engine: engine.name }, pairedItem };
}

function parametersOf(context: IExecuteFunctions, index: number): Parameters {
	return {
		prompt: context.getNodeParameter('prompt', index, '') as string,
		task: context.getNodeParameter('task', index, 'auto') as Parameters['task'],
		mode: context.getNodeParameter('mode', index, 'balanced') as Parameters['mode'],
		deadline: context.getNodeParameter('deadline', index, 0) as number,
		model: String(context.getNodeParameter('model', index, '', { extractValue: true }) ?? ''),
		options: context.getNodeParameter('options', index, {}) as Options,
	};
}
