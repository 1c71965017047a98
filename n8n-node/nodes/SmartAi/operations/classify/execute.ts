import type { IDataObject } from 'n8n-workflow';

import type { AskRequest } from '../../../../engine/contract';
import { askItem, baseAt } from '../../ask';
import { rows, type Run, text } from '../../operation';
import { dataOf } from '../../output';
import { contentAt, UnusableParameter } from '../../request';

export interface Label {
	name?: string;
	meaning?: string;
}

/** What the model is asked, and the schema that leaves it no other answer. */
export function classification(content: string, given: Label[], several: boolean): AskRequest {
	const labels = given.flatMap(({ name = '', meaning = '' }) => (name.trim() ? [{ name: name.trim(), meaning }] : []));
	const names = [...new Set(labels.map(({ name }) => name))];
	if (names.length < (several ? 1 : 2)) {
		throw new UnusableParameter('There are too few labels to choose from', 'Add labels in the parameter Labels.');
	}
	const choice = { type: 'string', enum: names };
	const properties = several ? { labels: { type: 'array', items: choice, uniqueItems: true } } : { label: choice };
	const list = labels.map(({ name, meaning }) => `- ${name}${meaning.trim() ? `: ${meaning.trim()}` : ''}`);
	const wanted = several
		? 'Which of these labels fit the text below? Name all that fit'
		: 'Which of these labels fits the text below best';
	return {
		task: 'classify',
		prompt: `${wanted}${several ? '.' : '?'}\n${list.join('\n')}\n\nText:\n${content}`,
		schema: { type: 'object', properties, required: Object.keys(properties), additionalProperties: false },
	};
}

export async function execute(run: Run, index: number): Promise<IDataObject> {
	return await askItem(
		run,
		index,
		() => {
			const several = run.context.getNodeParameter('several', index, false) as boolean;
			const labels = rows<Label>(run, 'labels', 'label', index);
			const asked = classification(contentAt(text(run, 'text', index), 'Text'), labels, several);
			return { ...baseAt(run, index), ...asked };
		},
		(answer) => ({ ...(dataOf(answer.text) as IDataObject | null) }),
	);
}
