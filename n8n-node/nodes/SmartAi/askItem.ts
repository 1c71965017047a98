import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import type { Engine } from '../../engine/contract';
import { FailedItem } from './failedItem';
import { answerOutput, failureOf, failureOutput, type OutputChoice } from './output';
import { askRequest, type Parameters } from './request';

/** Asks what one item says. Throws where it is not answered. */
export async function askItem(
	context: IExecuteFunctions,
	index: number,
	engine: Engine,
	signal: AbortSignal,
): Promise<IDataObject> {
	const given = parametersOf(context, index);
	const choice: OutputChoice = {
		decision: given.options.decision ?? 'summary',
		simplify: given.options.simplify ?? false,
	};
	const request = askRequest(given, `${context.getWorkflow().id}/${context.getNode().id}`);
	const answer = await engine.ask(request, { signal });
	if (answer.ok) return answerOutput(answer, request, engine.name, choice);
	const { message, hint } = failureOf(answer);
	throw new FailedItem(message, hint, failureOutput(answer, engine.name, choice));
}

function parametersOf(context: IExecuteFunctions, index: number): Parameters {
	return {
		prompt: context.getNodeParameter('prompt', index, '') as string,
		task: context.getNodeParameter('task', index, 'auto') as Parameters['task'],
		mode: context.getNodeParameter('mode', index, 'balanced') as Parameters['mode'],
		deadline: context.getNodeParameter('deadline', index, 0) as number,
		model: String(context.getNodeParameter('model', index, '', { extractValue: true }) ?? ''),
		options: context.getNodeParameter('options', index, {}) as Parameters['options'],
	};
}
