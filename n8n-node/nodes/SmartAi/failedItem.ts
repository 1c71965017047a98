import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';
import { NodeOperationError } from 'n8n-workflow';

/** Why one item failed, what to do about it, and what its output says where the workflow goes on. */
export class FailedItem extends Error {
	constructor(
		message: string,
		readonly hint: string,
		readonly output: IDataObject,
	) {
		super(message);
		this.name = 'FailedItem';
	}
}

/** Runs one item. Where the workflow goes on, whatever fails is the output of this item; else it stops the node. */
export async function outcomeOf(
	context: IExecuteFunctions,
	index: number,
	signal: AbortSignal,
	work: () => Promise<IDataObject | IDataObject[]>,
): Promise<INodeExecutionData[]> {
	const pairedItem = { item: index };
	try {
		return [await work()].flat().map((json) => ({ json, pairedItem }));
	} catch (error) {
		const { message, hint, output } = error instanceof FailedItem ? error : failedItem(error);
		if (!context.continueOnFail() || signal.aborted) {
			const options = { description: hint, itemIndex: index };
			const failure = new NodeOperationError(context.getNode(), message, options);
			// n8n puts a stock phrase where a message holds a word such as ECONNREFUSED; ours names the host.
			failure.message = message;
			throw failure;
		}
		return [{ json: context.getNode().onError === 'continueErrorOutput' ? routed(output) : output, pairedItem }];
	}
}

/** An error of the item's parameters, of an expression in them, or of a judgement. */
function failedItem(error: unknown): FailedItem {
	const { message, hint, description } = (error ?? {}) as {
		message?: string;
		hint?: string;
		description?: string;
	};
	const told = message ?? String(error);
	const advice = hint ?? description ?? 'Correct the parameters of this item, or the expressions in them.';
	return new FailedItem(told, advice, { error: told, code: 'invalid_request', hint: advice });
}

/** n8n sends to the error output only what has no key beside these. */
function routed({ error, ...details }: IDataObject): IDataObject {
	return { error, details };
}
