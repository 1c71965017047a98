import { type FleetCredential, type FleetHost, fleetHosts } from '../../engine/configuration';
import { onEitherLoopback } from '../../engine/loopback';
import { problemOf } from './hostProblem';

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
				return { host, problem: await problemOf(error, host.url) };
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
