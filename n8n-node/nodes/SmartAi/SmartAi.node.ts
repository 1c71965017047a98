import type { IExecuteFunctions, INodeExecutionData, INodeType, INodeTypeDescription } from 'n8n-workflow';
import { NodeConnectionTypes } from 'n8n-workflow';

import { askItem } from './askItem';
import { eachIndex } from './concurrency';
import { outcomeOf } from './failedItem';
import { fleetTest } from './fleetTest';
import { leaseEngine } from './lease';
import { modelsAble } from './modelSearch';
import { parameters } from './parameters';
import { rateItem } from './rateItem';
import type { Options } from './request';

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
					output[index] = await outcomeOf(this, index, signal, () => work(this, index, lease.engine, signal));
				},
				() => run.abort(),
			);
		} finally {
			lease.release();
		}
		return [output];
	}
}
