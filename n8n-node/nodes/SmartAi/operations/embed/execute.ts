import type { IDataObject } from 'n8n-workflow';

import { askItem, baseAt } from '../../ask';
import type { Run } from '../../operation';
import { contentAt, UnusableParameter } from '../../request';

export async function execute(run: Run, index: number): Promise<IDataObject> {
	return await askItem(run, index, () => {
		const base = baseAt(run, index);
		if (!base.model) {
			throw new UnusableParameter('No embedding model is chosen', 'Choose one in the parameter Model.');
		}
		const texts = [run.context.getNodeParameter('texts', index, '') as unknown].flat();
		const messages = texts.map((text) => ({ role: 'user' as const, content: contentAt(String(text ?? ''), 'Texts') }));
		if (messages.length === 0) contentAt('', 'Texts');
		return { ...base, task: 'embed', messages };
	});
}
