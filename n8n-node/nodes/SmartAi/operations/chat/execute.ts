import type { IDataObject } from 'n8n-workflow';

import type { AskRequest } from '../../../../engine/contract';
import { askItem, baseAt, imagesAt, optionsAt } from '../../ask';
import { rows, type Run } from '../../operation';
import { UnusableParameter } from '../../request';

type Turn = NonNullable<AskRequest['messages']>[number];

/** Earlier messages, given as JSON or by an expression. */
export function turnsOf(given: unknown): Turn[] {
	const unusable = (why: string): UnusableParameter =>
		new UnusableParameter(
			`The parameter Earlier Messages cannot be used: ${why}`,
			'Enter a list such as [{"role":"user","content":"Hello"}], with the roles system, user and assistant.',
		);
	let turns = given;
	try {
		if (typeof given === 'string') turns = JSON.parse(given.trim() || '[]');
	} catch (error) {
		throw unusable((error as Error).message);
	}
	if (!Array.isArray(turns)) throw unusable('it is not a list');
	return turns.map((turn: Partial<Turn> | null) => {
		if (typeof turn?.role !== 'string' || typeof turn.content !== 'string') {
			throw unusable('a message has no role or no content');
		}
		return turn as Turn;
	});
}

export async function execute(run: Run, index: number): Promise<IDataObject> {
	return await askItem(run, index, async () => {
		const images = await imagesAt(run, index, optionsAt(run, index).imageFields);
		const own = rows<Turn>(run, 'messages', 'message', index).map(({ role, content }) => ({ role, content }));
		const messages = [...turnsOf(run.context.getNodeParameter('history', index, [])), ...own];
		return { ...baseAt(run, index), messages, ...(images.length > 0 && { images }) };
	});
}
