import type { IDataObject } from 'n8n-workflow';

import { askItem, baseAt } from '../../ask';
import { type Run, text } from '../../operation';
import { contentAt } from '../../request';

const FORMS: Record<string, string> = {
	bullets: 'as bullet points, one a line, each beginning with "- "',
	sentence: 'in one sentence',
	paragraph: 'in one paragraph',
};

/** What the model is told to do with the text. */
export function summaryPrompt(content: string, form: string, words: number, language: string): string {
	const length = words > 0 ? ` Use at most ${words} words.` : '';
	const tongue = language === '' ? 'the language of the text' : language;
	return (
		`Summarize the text below ${FORMS[form] ?? FORMS.paragraph}. Write in ${tongue}.${length} ` +
		`Say only what the text says, and nothing before or after the summary.\n\n${content}`
	);
}

export async function execute(run: Run, index: number): Promise<IDataObject> {
	return await askItem(run, index, () => {
		const content = contentAt(text(run, 'text', index), 'Text');
		const words = Number(run.context.getNodeParameter('words', index, 0));
		const prompt = summaryPrompt(content, text(run, 'form', index), words, text(run, 'language', index).trim());
		return { ...baseAt(run, index), task: 'summarize', prompt };
	});
}
