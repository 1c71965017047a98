import type { IDataObject } from 'n8n-workflow';

import type { HostSnapshot } from '../../../../engine/contract';
import type { Run } from '../../operation';

/** One item for each host: whether it answers, its models, and what its metrics say. */
export async function execute({ engine }: Run): Promise<IDataObject[]> {
	return (await engine.models()).map(statusOf);
}

export function statusOf({ host, state, version, breaker_open, models, signals }: HostSnapshot): IDataObject {
	return {
		host,
		state,
		version,
		paused: breaker_open,
		loaded: models.filter(({ resident }) => resident).map(({ model }) => model),
		models: models.map(({ model, resident, size_bytes, context_tokens, capabilities, decode_tok_per_s }) => ({
			model,
			loaded: resident,
			gigabytes: Math.round(size_bytes / 1e8) / 10,
			context_tokens,
			capabilities,
			tokens_per_second: Math.round(decode_tok_per_s * 10) / 10,
		})),
		metrics: Object.fromEntries(signals.map(({ signal, value }) => [signal, value])),
	};
}
