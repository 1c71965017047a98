import type { Feedback } from '../../../../engine/contract';

export type Rating = 'edited' | 'score' | 'up' | 'down';

/** The parameters of one item of the operation Rate an Answer, expressions resolved. */
export interface RatingParameters {
	model: string;
	task: string;
	rating: Rating;
	score: number;
	answer: string;
	edited: string;
}

/** What to tell the engine of one item; it refuses what makes no sense. */
export function feedbackOf(given: RatingParameters): Feedback {
	const { model, task, rating } = given;
	const about = { model: model.trim(), task: task.trim() as Feedback['task'] };
	switch (rating) {
		case 'edited':
			return { ...about, answer: given.answer, edited: given.edited };
		case 'score':
			return { ...about, score: given.score };
		case 'up':
		case 'down':
			return { ...about, thumbs: rating };
	}
}
