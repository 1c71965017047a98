// The templates of the n8n package, as they are shipped, with the credentials of a test put in.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { unflattened, PACKAGE } from '../n8n/workbench.mjs';

const FOLDER = path.join(PACKAGE, 'templates');
const OWN = /^n8n-nodes-smart-ai\./;

/** The files of the templates, without their ending. */
export const names = readdirSync(FOLDER).map((file) => path.parse(file).name);

/**
 * The template of a file, with this fleet in each of our nodes. `change` holds parameters by the name of a node, put
 * beside those of the template.
 */
export function template(file, fleet, change = {}) {
	const workflow = JSON.parse(readFileSync(path.join(FOLDER, `${file}.json`), 'utf8'));
	for (const node of workflow.nodes) {
		Object.assign(node.parameters, change[node.name]);
		if (OWN.test(node.type)) node.credentials = { smartAiFleetApi: { id: fleet.id, name: fleet.name } };
	}
	const unknown = Object.keys(change).filter((name) => !workflow.nodes.some((node) => node.name === name));
	if (unknown.length > 0) throw new Error(`${file} has no node ${unknown}`);
	return { ...workflow, id: file, active: false };
}

/** Runs a template from one of its triggers to its end: `{ status, error, runs, items }`. */
export async function runFrom(session, { id }, trigger) {
	const { executionId } = await session.run(id, trigger);
	return told(await session.ended(executionId));
}

/** What an execution came to; `items(name)` is what a node put out in all its runs, over all its outputs. */
export function told(execution) {
	const { resultData } = unflattened(execution.data);
	const { error, runData: runs } = resultData;
	const items = (name) =>
		(runs[name] ?? [])
			.flatMap(({ data }) => (data?.main ?? []).flatMap((output) => output ?? []))
			.map(({ json }) => json);
	return { status: execution.status, error, runs, items };
}
