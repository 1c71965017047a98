import type { IN8nHttpFullResponse } from 'n8n-workflow';

import type { N8nHttpRequest } from './httpTransport';
import { onEitherLoopback } from './loopback';

/** How long a sidecar may take to say whether it is ready. */
const READY_WITHIN_MS = 2_000;
/** One that was heard of so lately is not asked whether it is ready. */
const HEARD_MS = 5_000;
/** How long one that was lost is left alone. */
const LOST_MS = 30_000;
/** How long one that answers, but is not ready, is left alone: it may take over from another at any time. */
const WAITS_MS = 2_000;

interface Known {
	url: string;
	heardAt?: number;
	/** Until when it is left alone. */
	awayUntil?: number;
	/** Why it serves nobody. */
	why: string;
}

/** The sidecars of one credential, as this process sees them: the first of the list that is ready is asked. */
export class Sidecars {
	private readonly known: Known[];
	private looking?: Promise<void>;

	constructor(
		urls: string[],
		private readonly now: () => number = () => performance.now(),
	) {
		this.known = urls.map((url) => ({ url, why: `the sidecar ${url} is not ready` }));
	}

	/** The URL of one that serves, if any does. Those that may have come back are asked. */
	async ready(send: N8nHttpRequest): Promise<string | undefined> {
		if (!this.heard()) {
			this.looking ??= this.look(send).finally(() => {
				this.looking = undefined;
			});
			await this.looking;
		}
		return this.heard()?.url;
	}

	/** It has just answered. */
	serves(url: string): void {
		for (const one of this.of(url)) [one.heardAt, one.awayUntil] = [this.now(), undefined];
	}

	/** It failed, and is left alone for a while. */
	lost(url: string, why: string): void {
		this.away(url, why, LOST_MS);
	}

	/** It did not take one call; the next may do better. */
	refused(url: string, why: string): void {
		for (const one of this.of(url)) one.why = why;
	}

	/** Why none serves, in plain words. */
	get why(): string {
		return this.known.map(({ why }) => why).join('; ');
	}

	private away(url: string, why: string, ms: number): void {
		this.refused(url, why);
		for (const one of this.of(url)) [one.heardAt, one.awayUntil] = [undefined, this.now() + ms];
	}

	private of(url: string): Known[] {
		return this.known.filter((one) => one.url === url);
	}

	private heard(): Known | undefined {
		return this.known.find(({ heardAt }) => heardAt !== undefined && this.now() - heardAt < HEARD_MS);
	}

	private async look(send: N8nHttpRequest): Promise<void> {
		const due = this.known.filter(({ awayUntil }) => awayUntil === undefined || this.now() >= awayUntil);
		await Promise.all(
			due.map(async ({ url }) => {
				try {
					const why = await notReady(send, url);
					if (why === undefined) this.serves(url);
					else this.away(url, `the sidecar ${url} ${why}`, WAITS_MS);
				} catch (error) {
					this.lost(url, `the sidecar ${url} does not answer (${messageOf(error)})`);
				}
			}),
		);
	}
}

/** Why a sidecar that answers is not ready; nothing where it is. Throws where it does not answer. */
export async function notReady(send: N8nHttpRequest, url: string): Promise<string | undefined> {
	const answer = await look(send, `${url}/smart-ai/ready`);
	const told = answer.body as { ok?: unknown; waits?: unknown } | undefined;
	if (answer.statusCode === 200 && told?.ok === true) return undefined;
	if (typeof told?.ok !== 'boolean') return `is no "smart-ai serve" (it answered ${answer.statusCode})`;
	return told.waits === true ? 'waits for another one to end' : 'is not ready: no host answers it';
}

/** That a sidecar refuses the key of the credential; nothing where it takes it. Throws where it does not answer. */
export async function refusesKey(send: N8nHttpRequest, url: string): Promise<string | undefined> {
	const { statusCode } = await look(send, `${url}/api/version`);
	return statusCode === 401 || statusCode === 403 ? `refuses the key (${statusCode})` : undefined;
}

async function look(send: N8nHttpRequest, url: string): Promise<IN8nHttpFullResponse> {
	return (await onEitherLoopback(send)({
		method: 'GET',
		url,
		json: true,
		returnFullResponse: true,
		ignoreHttpStatusErrors: true,
		disableFollowRedirect: true,
		timeout: READY_WITHIN_MS,
	})) as IN8nHttpFullResponse;
}

export function messageOf(error: unknown): string {
	return error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
}
