import type { IDataObject, IExecuteFunctions, INodeProperties } from 'n8n-workflow';

import type { Engine, Served } from '../../engine/contract';

/** One execution of the node. */
export interface Run {
	context: IExecuteFunctions;
	engine: Engine;
	/** Aborted when the execution is stopped, or an item has failed. */
	signal: AbortSignal;
	/** The key of this node in this workflow. */
	ownShape: string;
	/** Answers so far, for the hints and the tokens. */
	answers: Served[];
}

/** What people choose under Resource and Operation. */
export interface Operation {
	resource: string;
	operation: string;
	name: string;
	description: string;
	/** What the panel of nodes calls it. */
	action: string;
	properties: INodeProperties[];
	/** Once for the whole run, not for each item. */
	once?: boolean;
	/** What comes out for one item: one item or several. Throws where it fails. */
	execute(run: Run, index: number): Promise<IDataObject | IDataObject[]>;
}

/** Properties that show where all of these parameters have one of the values. */
export function shown(properties: INodeProperties[], where: Record<string, Array<string | number>>): INodeProperties[] {
	return properties.map((property) => ({
		...property,
		displayOptions: { ...property.displayOptions, show: { ...where, ...property.displayOptions?.show } },
	}));
}

/** A parameter as text, expressions resolved. */
export function text({ context }: Run, name: string, index: number): string {
	return String(context.getNodeParameter(name, index, '') ?? '');
}

/** The rows of a fixed collection. */
export function rows<Row extends object>({ context }: Run, name: string, key: string, index: number): Row[] {
	const given = context.getNodeParameter(name, index, {}) as IDataObject;
	return (given[key] as Row[] | undefined) ?? [];
}
