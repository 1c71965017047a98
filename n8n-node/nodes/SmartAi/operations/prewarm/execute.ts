import type { IDataObject } from 'n8n-workflow';

import type { Mode, Prepare } from '../../../../engine/contract';
import { optionsAt } from '../../ask';
import { FailedItem } from '../../failedItem';
import { type Run, text } from '../../operation';
import { UnusableParameter } from '../../request';

/** Has a model loaded; goes on at once unless the user wants to wait for it. */
export async function execute(run: Run, index: number): Promise<IDataObject> {
	const { context, engine } = run;
	const wish = wishAt(run, index);
	const prepared = engine.prepare(wish);
	const waits = (context.getNodeParameter('wait', index, false) as boolean) || wish.at !== undefined;
	if (!waits) {
		// Whoever asks the model later hears of what went wrong.
		prepared.catch(() => {});
		return { ok: true, state: 'begun', model: wish.model ?? null, host: wish.host ?? null, engine: engine.name };
	}
	const { error, ...told } = await prepared;
	if (error) throw new FailedItem(error.message, error.hint, { ...told, error: error.message, code: error.code });
	return { ...told, engine: engine.name };
}

function wishAt(run: Run, index: number): Prepare {
	const { context } = run;
	const model = String(context.getNodeParameter('model', index, '', { extractValue: true }) ?? '').trim();
	const host = optionsAt(run, index).host?.trim();
	const wish: Prepare = { mode: context.getNodeParameter('mode', index, 'balanced') as Mode };
	if (model !== '') wish.model = model;
	if (host) wish.host = host;
	const needed = text(run, 'neededAt', index).trim();
	if (needed === '') return wish;
	const at = Date.parse(needed);
	if (Number.isNaN(at)) {
		throw new UnusableParameter('The parameter Needed At is no date', 'Enter a date and time, or leave it empty.');
	}
	return { ...wish, at };
}
