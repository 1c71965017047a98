import { type Engine, failedAnswer, type HostSnapshot, type Served, type Snapshot } from './contract';
import type { N8nHttpRequest } from './httpTransport';
import { askAt, callAt, type DispatchError, type Told } from './sidecarCalls';
import { messageOf, type Sidecars } from './sidecars';

/**
 * The engine of whichever sidecar is ready. Where none is, `own` answers, if there is such an engine. What has been
 * handed out as text cannot be taken back: an answer that breaks off after that ends there.
 */
export function sidecarEngine(sidecars: Sidecars, send: N8nHttpRequest, own?: () => Promise<Engine>): Engine {
	/** What the first sidecar that does not fail says; nothing where each did. */
	async function first<T>(
		use: (url: string) => Promise<Told<T>>,
	): Promise<Exclude<Told<T>, { failure: unknown }> | undefined> {
		while (true) {
			const url = await sidecars.ready(send);
			if (url === undefined) return undefined;
			const came = await use(url);
			if (!('failure' in came)) {
				sidecars.serves(url);
				return came;
			}
			const { why, lasting } = came.failure;
			if (!lasting) {
				sidecars.refused(url, why);
				return undefined;
			}
			sidecars.lost(url, why);
		}
	}

	/** What a sidecar says, else what one's own engine does. */
	async function either<T>(
		path: string,
		body: object | undefined,
		otherwise: (engine: Engine) => Promise<T>,
	): Promise<T> {
		const came = await first(async (url) => await callAt<T>(send, url, path, body));
		if (came && 'told' in came) return came.told;
		if (came === undefined && own) return await otherwise(await own());
		const { message, hint, code } = came?.error ?? away(sidecars.why);
		throw Object.assign(new Error(message), { hint, code });
	}

	async function asOwn(...[request, options]: Parameters<Engine['ask']>): Promise<Served> {
		const detour = sidecars.why;
		if (!own) return { ...failedAnswer(away(detour)), engine: 'sidecar' };
		try {
			return { ...(await (await own()).ask(request, options)), detour };
		} catch (error) {
			const why = `${detour}; nor can n8n itself decide: ${messageOf(error)}`;
			return { ...failedAnswer(away(why)), engine: 'sidecar' };
		}
	}

	return {
		name: 'sidecar',
		closed: false,
		ask: async (request, options) => {
			let text = '';
			const heard = options?.onText;
			const onText = (piece: string) => {
				text += piece;
				heard?.(piece);
			};
			const came = await first(async (url) => {
				const told = await askAt(send, url, request, { ...options, ...(heard && { onText }) });
				if (!('failure' in told) || text === '') return told;
				sidecars.lost(url, told.failure.why);
				return { told: failedAnswer(brokenOff(told.failure.why), text) };
			});
			if (came === undefined) return await asOwn(request, options);
			return { ...('told' in came ? came.told : failedAnswer(came.error, text)), engine: 'sidecar' };
		},
		decide: async (request) =>
			await either('/smart-ai/decide', request, async (engine) => await engine.decide(request)),
		prepare: async (wish) => await either('/smart-ai/prepare', wish, async (engine) => await engine.prepare(wish)),
		feedback: async (feedback) => {
			await either<unknown>('/smart-ai/feedback', feedback, async (engine) => await engine.feedback(feedback));
		},
		models: async (): Promise<HostSnapshot[]> => {
			const known = await either<Pick<Snapshot, 'hosts'>>('/smart-ai/snapshot', undefined, async (engine) => ({
				hosts: await engine.models(),
			}));
			return known.hosts;
		},
		close: () => {},
	};
}

const away = (why: string): DispatchError => ({
	code: 'sidecar_away' as DispatchError['code'],
	message: `No sidecar serves: ${why}`,
	hint: 'Start it, or set the option Engine to Auto: then the engine inside this package answers meanwhile.',
});

const brokenOff = (why: string): DispatchError => ({
	code: 'cut_off',
	message: `The answer broke off: ${why}`,
	hint: 'Run the item again.',
});
