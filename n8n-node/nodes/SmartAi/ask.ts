import type { IDataObject } from 'n8n-workflow';

import type { Answer, AskRequest, Mode } from '../../engine/contract';
import { FailedItem } from './failedItem';
import type { Run } from './operation';
import { answerOutput, failureOf, failureOutput, type OutputChoice } from './output';
import { baseRequest, type Options, UnusableParameter } from './request';
import { Sender } from './sender';

/** The collection Options of one item. */
export const optionsAt = ({ context }: Run, index: number): Options =>
	context.getNodeParameter('options', index, {}) as Options;

/** What every operation that asks has in common: mode, model, and the options. */
export function baseAt(run: Run, index: number): AskRequest {
	const { context, ownShape } = run;
	const mode = context.getNodeParameter('mode', index, 'balanced') as Mode;
	const model = String(context.getNodeParameter('model', index, '', { extractValue: true }) ?? '');
	return baseRequest(mode, model, optionsAt(run, index), ownShape);
}

/** The pictures in these binary fields of an item, as base64. */
export async function imagesAt({ context }: Run, index: number, fields: string | undefined): Promise<string[]> {
	const names = (fields ?? '').split(',').flatMap((name) => name.trim() || []);
	return await Promise.all(
		names.map(async (name) => {
			if (!context.getInputData()[index]?.binary?.[name]) {
				throw new UnusableParameter(
					`The item has no binary field ${name}`,
					'Correct the option Image Fields, or have a node before this one read the file.',
				);
			}
			return (await context.helpers.getBinaryDataBuffer(index, name)).toString('base64');
		}),
	);
}

/**
 * Asks for one item. `build` makes the request, and throws `UnusableParameter`; `content` adds fields to the output.
 * Throws where the item is not answered.
 */
export async function askItem(
	run: Run,
	index: number,
	build: () => AskRequest | Promise<AskRequest>,
	content: (answer: Answer) => IDataObject = () => ({}),
): Promise<IDataObject> {
	const { context, engine, signal } = run;
	const options = optionsAt(run, index);
	const choice: OutputChoice = { decision: options.decision ?? 'summary', simplify: options.simplify ?? false };
	const input = options.includeInput ? context.getInputData()[index]?.json : {};
	const request = await build();
	// Of an answer that must fit a schema, only the whole can be judged, and asked for again.
	const streams = context.isStreaming() && !request.schema && request.task !== 'embed';
	const sender = streams ? new Sender(context, index) : null;
	const answer = await engine.ask(request, { signal, ...(sender && { onText: (piece) => sender.push(piece) }) });
	sender?.end(answer);
	run.answers.push(answer);
	if (answer.ok) return { ...input, ...answerOutput(answer, request, choice), ...content(answer) };
	const { message, hint } = failureOf(answer);
	throw new FailedItem(message, hint, { ...input, ...failureOutput(answer, choice) });
}
