import type { IExecuteFunctions, INodeExecutionData, INodeType, INodeTypeDescription } from 'n8n-workflow';
import { accumulateTokenUsage, NodeConnectionTypes, NodeOperationError } from 'n8n-workflow';

import { eachIndex } from './concurrency';
import { outcomeOf } from './failedItem';
import { fleetTest } from './fleetTest';
import { leaseEngine } from './lease';
import { modelsAble } from './modelSearch';
import type { Run } from './operation';
import { operationOf, parameters } from './parameters';
import type { Options } from './request';
import { summaryOf } from './words';

export class SmartAi implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Smart AI',
		name: 'smartAi',
		icon: { light: 'file:../../icons/smartAi.svg', dark: 'file:../../icons/smartAi.dark.svg' },
		group: ['transform'],
		version: [1, 2],
		defaultVersion: 2,
		subtitle:
			'={{ $parameter["resource"] ? $parameter["operation"] + ": " + $parameter["resource"] : ' +
			'$parameter["operation"] === "rate" ? "rate an answer" : $parameter["task"] + ", " + $parameter["mode"] }}',
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

	methods = {
		listSearch: { modelSearch: modelsAble('completion'), embeddingModels: modelsAble('embedding') },
		credentialTest: { fleetTest },
	};

	async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
		const items = this.getInputData();
		if (items.length === 0) return [[]];
		const named = (name: string) => this.getNodeParameter(name, 0, '') as string;
		const operation = operationOf(this.getNode().typeVersion, named('resource'), named('operation'));
		if (!operation) {
			throw new NodeOperationError(this.getNode(), `There is no operation ${named('operation')}`, {
				description: 'Choose one in the parameter Operation.',
			});
		}
		const first = this.getNodeParameter('options', 0, {}) as Options;
		const lease = await leaseEngine(this, first.engine ?? 'auto');
		const stop = new AbortController();
		const signals = [stop.signal, ...[this.getExecutionCancelSignal()].flatMap((signal) => signal ?? [])];
		const run: Run = {
			context: this,
			engine: lease.engine,
			signal: AbortSignal.any(signals),
			ownShape: `${this.getWorkflow().id}/${this.getNode().id}`,
			answers: [],
		};
		const output: INodeExecutionData[][] = [];
		try {
			await eachIndex(
				operation.once ? 1 : items.length,
				first.concurrency ?? 4,
				async (index) => {
					output[index] = await outcomeOf(this, index, run.signal, () => operation.execute(run, index));
				},
				() => stop.abort(),
			);
		} finally {
			await lease.release();
			tell(this, run);
		}
		return [output.flat()];
	}
}

/** Who answered, above the output; and the tokens, where n8n counts them. */
function tell(context: IExecuteFunctions, { answers }: Run): void {
	const message = summaryOf(answers);
	if (message === '') return;
	const warns = answers.some(({ ok, detour }) => !ok || detour);
	context.addExecutionHints({ message, type: warns ? 'warning' : 'info', location: 'outputPane' });
	const sum = (of: 'prompt_tokens' | 'output_tokens') => answers.reduce((total, { usage }) => total + usage[of], 0);
	// An older n8n has no place for them.
	if (typeof accumulateTokenUsage !== 'function') return;
	accumulateTokenUsage(context, sum('prompt_tokens'), sum('output_tokens'));
}
