import type { INodeProperties, INodePropertyOptions } from 'n8n-workflow';

import { noActions } from './choiceParameters';
import { type Operation, shown } from './operation';
import { firstOperations, operations } from './operations';

const FIRST = { '@version': [1] };
const NOW = { '@version': [2] };

const resources: INodePropertyOptions[] = [
	{ name: 'Chat', value: 'chat' },
	{ name: 'Decision', value: 'decision' },
	{ name: 'Embedding', value: 'embedding' },
	{ name: 'Feedback', value: 'feedback' },
	{ name: 'Fleet', value: 'fleet' },
	{ name: 'Text', value: 'text' },
];

/** The parameter Operation with these to choose from. */
function choice(
	from: Operation[],
	defaultValue: string,
	where: Record<string, Array<string | number>>,
): INodeProperties {
	return {
		displayName: 'Operation',
		name: 'operation',
		type: 'options',
		noDataExpression: true,
		displayOptions: { show: where },
		options: from.map(({ name, operation: value, description, action }) => ({ name, value, description, action })),
		default: defaultValue,
	};
}

const ofResource = (resource: string): Operation[] => operations.filter((operation) => operation.resource === resource);

/** Every parameter of the node, in both of its versions. */
export const parameters: INodeProperties[] = [
	noActions,
	{
		displayName: 'Resource',
		name: 'resource',
		type: 'options',
		noDataExpression: true,
		displayOptions: { show: NOW },
		options: resources,
		default: 'text',
	},
	choice(firstOperations, 'ask', FIRST),
	...resources.map(({ value }) => {
		const own = ofResource(String(value));
		const first = value === 'text' ? 'generate' : (own[0]?.operation ?? '');
		return choice(own, first, { ...NOW, resource: [String(value)] });
	}),
	...firstOperations.flatMap(({ operation, properties }) => shown(properties, { ...FIRST, operation: [operation] })),
	...operations.flatMap(({ resource, operation, properties }) =>
		shown(properties, { ...NOW, resource: [resource], operation: [operation] }),
	),
];

/** The operation that a node's parameters name. */
export function operationOf(version: number, resource: string, operation: string): Operation | undefined {
	const from = version === 1 ? firstOperations : ofResource(resource);
	return from.find((one) => one.operation === operation);
}
