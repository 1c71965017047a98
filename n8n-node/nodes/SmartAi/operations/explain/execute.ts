import type { IDataObject } from 'n8n-workflow';

import type { Run } from '../../operation';
import { promptAt } from '../generate/execute';

/** What would be chosen now, and why. No model is called. */
export async function execute(run: Run, index: number): Promise<IDataObject> {
	return (await run.engine.decide(promptAt(run, index))) as unknown as IDataObject;
}
