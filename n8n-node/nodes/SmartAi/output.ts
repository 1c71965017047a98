import type { IDataObject } from 'n8n-workflow';

import type { Answer, AskRequest, Decision, Served } from '../../engine/contract';

export type DecisionDetail = 'full' | 'summary' | 'none';

export interface OutputChoice {
	decision: DecisionDetail;
	simplify: boolean;
}

/** The fields of one output item for an answer that succeeded. */
export function answerOutput(answer: Served, request: AskRequest, choice: OutputChoice): IDataObject {
	const content: IDataObject = { text: answer.text };
	if (request.schema) content.data = dataOf(answer.text);
	if (answer.thinking) content.thinking = answer.thinking;
	if (answer.embeddings) content.embeddings = answer.embeddings;
	if (answer.decision?.comparison) content.rollout = { ...answer.decision.comparison };
	if (choice.simplify) return { ...content, model: answer.model, host: answer.host };
	return { ...content, ...account(answer, choice.decision) };
}

/** The fields of one output item for an answer that failed while the workflow goes on. */
export function failureOutput(answer: Served, choice: OutputChoice): IDataObject {
	const { code, message, hint } = failureOf(answer);
	const told: IDataObject = { error: message, code, hint };
	if (answer.text) told.text = answer.text;
	return choice.simplify ? told : { ...told, ...account(answer, choice.decision) };
}

/** Why an answer failed; an engine always says, and silence is named as what it is. */
export function failureOf(answer: Answer): { code: string; message: string; hint: string } {
	return (
		answer.error ?? {
			code: 'unexplained',
			message: 'The engine gave no answer and no reason',
			hint: 'Choose the other engine in the option Engine and report this.',
		}
	);
}

function account(answer: Served, detail: DecisionDetail): IDataObject {
	const told: IDataObject = {
		model: answer.model,
		host: answer.host,
		usage: answer.usage,
		ms: answer.ms,
		predicted_ms: answer.predicted_ms,
		attempts: answer.attempts,
		engine: answer.engine,
		...(answer.job && { job: answer.job }),
	};
	const decision = decisionOutput(answer.decision, detail);
	return decision === undefined ? told : { ...told, decision };
}

function decisionOutput(decision: Decision | null, detail: DecisionDetail): IDataObject | null | undefined {
	if (detail === 'none') return undefined;
	if (decision === null) return null;
	if (detail === 'full') return decision as unknown as IDataObject;
	const { chosen, reason, predicted_ms, task, mode, notes } = decision;
	return { chosen, reason, predicted_ms, task, mode, notes };
}

export function dataOf(text: string): IDataObject | null {
	try {
		return JSON.parse(text) as IDataObject;
	} catch {
		// A model that was cut at Max Tokens leaves half a value: the text is still there to look at.
		return null;
	}
}
