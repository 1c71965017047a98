import type { IHttpRequestOptions, IN8nHttpFullResponse } from 'n8n-workflow';
import { sleep } from 'n8n-workflow';

import type { Answer, AskOptions, AskRequest } from './contract';
import type { N8nHttpRequest } from './httpTransport';
import { onEitherLoopback } from './loopback';
import { messageOf } from './sidecars';

/** The sidecar says at least every 5 seconds that it works; after so long a silence it is lost. */
const SILENT_MS = 30_000;
/** Longest exchange that n8n's client may keep open. */
const EXCHANGE_MS = 24 * 60 * 60 * 1000;

/** That the sidecar did not do its work, in plain words. `lasting`: nor will it do the next. */
export interface Failure {
	why: string;
	lasting: boolean;
}

export type DispatchError = NonNullable<Answer['error']>;
/** What came of a call: what the sidecar told, what it says is wrong with the call, or that it failed. */
export type Told<T> = { told: T } | { error: DispatchError } | { failure: Failure };

/** Something that n8n's client hands out as it comes. */
type Coming = AsyncIterable<Uint8Array> & { destroy?(): void };
type Kept = Answer & { job?: string };

const CANCELLED: DispatchError = { code: 'cancelled', message: 'The caller cancelled', hint: 'Ask again.' };

/** Has the sidecar at `url` answer. */
export async function askAt(
	send: N8nHttpRequest,
	url: string,
	request: AskRequest,
	{ signal, onText }: AskOptions = {},
): Promise<Told<Kept>> {
	const left = new Promise<undefined>((leave) => {
		if (signal?.aborted) leave(undefined);
		signal?.addEventListener('abort', () => leave(undefined), { once: true });
	});
	const sent = post(send, url, `/smart-ai/ask?stream=${onText ? 'text' : 'answer'}`, request, {
		encoding: 'stream',
		timeout: EXCHANGE_MS,
	});
	const response = await Promise.race([sent, left]);
	if (response === undefined) {
		// n8n's client takes no signal of ours: what comes late is not read.
		void sent.then((late) => 'told' in late && end(late.told.body as Coming));
		return { error: CANCELLED };
	}
	if (!('told' in response)) return response;
	const body = response.told.body as Coming;
	const watch = new Watch(body);
	try {
		const { statusCode } = response.told;
		if (statusCode !== 200) return refusal(url, statusCode, await textOf(body));
		const answer = await answerIn(lines(body, watch), left, onText);
		if (answer === undefined) return { error: CANCELLED };
		if (answer.error?.code !== 'cancelled') return { told: answer };
		return { failure: { why: `the sidecar ${url} is stopping`, lasting: true } };
	} catch (error) {
		return {
			failure: { why: `the sidecar ${url} was lost (${watch.silent ? 'silent' : messageOf(error)})`, lasting: true },
		};
	} finally {
		watch.stop();
		end(body);
	}
}

/** What the sidecar at `url` says to this. */
export async function callAt<T>(send: N8nHttpRequest, url: string, path: string, body?: object): Promise<Told<T>> {
	// A load takes as long as it takes.
	const timeout = path === '/smart-ai/prepare' ? EXCHANGE_MS : SILENT_MS;
	const response = await post(send, url, path, body, { json: true, timeout });
	if (!('told' in response)) return response;
	const { statusCode, body: told } = response.told;
	return statusCode === 200 ? { told: told as T } : refusal(url, statusCode, JSON.stringify(told));
}

async function post(
	send: N8nHttpRequest,
	url: string,
	path: string,
	body: object | undefined,
	how: Partial<IHttpRequestOptions>,
): Promise<{ told: IN8nHttpFullResponse } | { failure: Failure }> {
	try {
		const told = (await onEitherLoopback(send)({
			method: body ? 'POST' : 'GET',
			url: `${url}${path}`,
			...(body && { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
			returnFullResponse: true,
			ignoreHttpStatusErrors: true,
			disableFollowRedirect: true,
			...how,
		})) as IN8nHttpFullResponse;
		return { told };
	} catch (error) {
		return { failure: { why: `the sidecar ${url} does not answer (${messageOf(error)})`, lasting: true } };
	}
}

/** What is wrong with the call itself; or that the sidecar refuses what another engine may take. */
function refusal(url: string, status: number, text: string): { error: DispatchError } | { failure: Failure } {
	if (status === 401 || status === 403) {
		return { failure: { why: `the sidecar ${url} refuses the key of the credential (${status})`, lasting: true } };
	}
	const busy = status === 413 || status === 503;
	const error = errorIn(text);
	if (!busy && error !== undefined) return { error };
	return { failure: { why: `the sidecar ${url} refused with status ${status}`, lasting: !busy } };
}

function errorIn(text: string): DispatchError | undefined {
	try {
		const { error } = JSON.parse(text) as { error?: unknown };
		return typeof error === 'object' && error !== null && 'code' in error ? (error as DispatchError) : undefined;
	} catch {
		return undefined;
	}
}

/** The answer among the lines; nothing where the caller left before. */
async function answerIn(
	told: AsyncIterator<Line>,
	left: Promise<undefined>,
	onText?: (text: string) => void,
): Promise<Kept | undefined> {
	while (true) {
		const next = await Promise.race([told.next(), left]);
		if (next === undefined) return undefined;
		if (next.done) throw new Error('it ended before its answer');
		if (next.value.text !== undefined) onText?.(next.value.text);
		if (next.value.answer !== undefined) return next.value.answer;
	}
}

interface Line {
	text?: string;
	answer?: Kept;
}

/** The lines of a body, as they come. */
async function* lines(body: Coming, watch: Watch): AsyncGenerator<Line> {
	const decoder = new TextDecoder();
	let rest = '';
	for await (const bytes of body) {
		watch.heard();
		rest += decoder.decode(bytes, { stream: true });
		const whole = rest.split('\n');
		rest = whole.pop() ?? '';
		for (const line of whole) if (line !== '') yield JSON.parse(line) as Line;
	}
}

async function textOf(body: Coming): Promise<string> {
	const decoder = new TextDecoder();
	let text = '';
	for await (const bytes of body) text += decoder.decode(bytes, { stream: true });
	return text;
}

function end(body: Coming): void {
	body.destroy?.();
}

/** Ends a body that has been silent for too long. */
class Watch {
	silent = false;
	private last = performance.now();
	private readonly stopped = new AbortController();

	constructor(body: Coming) {
		void this.watch(body);
	}

	heard(): void {
		this.last = performance.now();
	}

	stop(): void {
		this.stopped.abort();
	}

	private async watch(body: Coming): Promise<void> {
		const { signal } = this.stopped;
		while (!signal.aborted) {
			const left = this.last + SILENT_MS - performance.now();
			if (left <= 0) {
				this.silent = true;
				end(body);
				return;
			}
			// It ends early where the body has ended.
			await sleep(left, signal).catch(() => {});
		}
	}
}
