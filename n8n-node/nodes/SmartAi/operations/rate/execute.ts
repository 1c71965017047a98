import type { IDataObject } from 'n8n-workflow';

import { type Run, text } from '../../operation';
import { feedbackOf, type Rating } from './rating';

/** Tells the engine how good an answer was. Throws where that makes no sense. */
export async function execute(run: Run, index: number): Promise<IDataObject> {
	const { context, engine } = run;
	const feedback = feedbackOf({
		model: text(run, 'ratedModel', index),
		task: text(run, 'ratedTask', index),
		rating: context.getNodeParameter('rating', index, 'up') as Rating,
		score: context.getNodeParameter('score', index, 1) as number,
		answer: text(run, 'answer', index),
		edited: text(run, 'edited', index),
	});
	await engine.feedback(feedback);
	const { model, task } = feedback;
	return { rated: true, model, task, engine: engine.name };
}
