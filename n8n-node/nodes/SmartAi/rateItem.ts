import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import type { Engine } from '../../engine/contract';
import { feedbackOf, type Rating } from './rating';

/** Tells the engine how good an answer was. Throws where that makes no sense. */
export async function rateItem(context: IExecuteFunctions, index: number, engine: Engine): Promise<IDataObject> {
	const text = (name: string) => String(context.getNodeParameter(name, index, '') ?? '');
	const feedback = feedbackOf({
		model: text('ratedModel'),
		task: text('ratedTask'),
		rating: context.getNodeParameter('rating', index, 'up') as Rating,
		score: context.getNodeParameter('score', index, 1) as number,
		answer: text('answer'),
		edited: text('edited'),
	});
	await engine.feedback(feedback);
	const { model, task } = feedback;
	return { rated: true, model, task, engine: engine.name };
}
