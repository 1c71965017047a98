import { type FleetCredential, type FleetHost, fleetHosts } from '../../engine/configuration';
import { onEitherLoopback } from '../../engine/loopback';

/** The part of n8n's request helpers that is needed here: both of its generations take it. */
interface ModelsRequest {
	method?: 'POST';
	url: string;
	body?: { model: string };
	json: true;
	timeout: number;
	/** Neither generation of n8n's helpers follows a redirect, which could lead a key elsewhere. */
	disableFollowRedirect: true;
	followRedirect: false;
}

/** Sends a request with what its host asks for. */
export type SendRequest = (options: ModelsRequest) => Promise<unknown>;

export interface Look {
	host: FleetHost;
	/** The models that the host has; missing where it did not answer. */
	models?: string[];
	/** Why the host did not answer. */
	problem?: string;
}

/** Asks each host of the credential for its models, all at once; with `ability`, for those that can do it. */
export async function lookAtHosts(fleet: FleetCredential, send: SendRequest, ability?: string): Promise<Look[]> {
	const request = onEitherLoopback(send);
	return await Promise.all(
		fleetHosts(fleet).map(async (host) => {
			try {
				const answer = await request(requestOf(host, '/api/tags'));
				const models = (answer as { models?: Array<{ name?: string }> } | undefined)?.models;
				if (!Array.isArray(models)) return { host, problem: 'this is not Ollama: it lists no models' };
				const names = models.flatMap((model) => (model.name ? [model.name] : []));
				return { host, models: ability ? await able(names, host, ability, request) : names };
			} catch (error) {
				return { host, problem: await problemOf(error) };
			}
		}),
	);
}

/** The hosts that did not answer and why, in one line; empty where all did. */
export function problemsOf(looks: Look[]): string {
	return looks.flatMap(({ host, problem }) => (problem ? [`${host.name}: ${problem}`] : [])).join('; ');
}

function requestOf(host: FleetHost, path: string): ModelsRequest {
	return {
		url: `${host.url}${path}`,
		json: true,
		timeout: 30_000,
		disableFollowRedirect: true,
		followRedirect: false,
	};
}

interface Cause {
	message?: string;
	code?: unknown;
	cause?: Cause;
	response?: { status?: number; headers?: { location?: string } };
}

/** Why a host did not answer, in core's words where it knows the fault, and how to mend it. */
async function problemOf(error: unknown): Promise<string> {
	const { core } = await import('../../engine/wasm/dispatcher');
	const outer = error as Cause;
	const causes: Cause[] = [];
	for (let cause: Cause | undefined = outer; cause && causes.length < 5; cause = cause.cause) causes.push(cause);
	const response = causes.map((cause) => cause.response).find((given) => given?.status !== undefined);
	const redirects = response?.status !== undefined && response.status >= 300 && response.status < 400;
	const inner = causes.at(-1) ?? outer;
	const code = causes.map((cause) => cause.code).find((given) => typeof given === 'string') as string | undefined;
	const detail = redirects
		? core.failureOfStatus(response.status ?? 0, '', undefined, response.headers?.location ?? '').detail
		: core.failureOfConnection(code, inner.message ?? '').detail;
	const fix = core.remedy(detail);
	return fix == null ? (outer.message ?? String(error)) : `${detail}; ${fix}`;
}

/** The models that can do this; one of which the host does not say what it can do stays in the list. */
async function able(names: string[], host: FleetHost, ability: string, request: SendRequest): Promise<string[]> {
	const shown = await Promise.all(
		names.map(async (model) => {
			try {
				return await request({ ...requestOf(host, '/api/show'), method: 'POST', body: { model } });
			} catch {
				return undefined;
			}
		}),
	);
	return names.filter((_, at) => {
		const capabilities = (shown[at] as { capabilities?: string[] } | undefined)?.capabilities;
		return !Array.isArray(capabilities) || capabilities.includes(ability);
	});
}
