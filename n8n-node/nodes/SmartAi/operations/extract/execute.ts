import type { IDataObject } from 'n8n-workflow';

import { askItem, baseAt, imagesAt, optionsAt } from '../../ask';
import { rows, type Run, text } from '../../operation';
import { contentAt, jsonObject } from '../../request';
import { type Field, schemaOfExample, schemaOfFields } from './schema';

export async function execute(run: Run, index: number): Promise<IDataObject> {
	return await askItem(run, index, async () => {
		const images = await imagesAt(run, index, optionsAt(run, index).imageFields);
		const given = text(run, 'text', index);
		const content = images.length > 0 ? given : contentAt(given, 'Text');
		const schema = schemaAt(run, index);
		const prompt =
			`Extract data from the ${images.length > 0 ? 'picture' : 'text'} below as JSON that fits this schema:\n` +
			`${JSON.stringify(schema)}\nTake only what is there; null stands for what is not.\n\n${content}`;
		return { ...baseAt(run, index), task: 'extract', prompt, schema, ...(images.length > 0 && { images }) };
	});
}

function schemaAt(run: Run, index: number): Record<string, unknown> {
	const json = (name: string) => run.context.getNodeParameter(name, index, '{}') as string | object;
	switch (text(run, 'wanted', index)) {
		case 'example':
			return schemaOfExample(jsonObject(json('example'), 'JSON example', 'in the parameter JSON Example'));
		case 'schema':
			return jsonObject(json('schema'), 'JSON schema', 'in the parameter JSON Schema');
		default:
			return schemaOfFields(rows<Field>(run, 'fields', 'field', index));
	}
}
