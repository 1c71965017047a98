import type { IDataObject } from 'n8n-workflow';

import type { AskRequest } from '../../../../engine/contract';
import { askItem, baseAt, imagesAt, optionsAt } from '../../ask';
import { type Run, text } from '../../operation';

/** The request that a prompt makes. */
export function promptAt(run: Run, index: number): AskRequest {
	const request = baseAt(run, index);
	// The first version has the deadline beside the options.
	const deadline = Number(run.context.getNodeParameter('deadline', index, 0));
	if (deadline > 0) request.deadline_ms = Math.round(deadline * 1000);
	const task = run.context.getNodeParameter('task', index, 'auto') as AskRequest['task'];
	return { ...request, task, prompt: text(run, 'prompt', index) };
}

export async function execute(run: Run, index: number): Promise<IDataObject> {
	return await askItem(run, index, async () => {
		const images = await imagesAt(run, index, optionsAt(run, index).imageFields);
		return { ...promptAt(run, index), ...(images.length > 0 && { images }) };
	});
}
