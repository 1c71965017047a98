import { type FleetHost, fleetHosts, type FleetCredential } from '../../engine/configuration';

/** The part of n8n's request helpers that is needed here: both of its generations take it. */
interface ModelsRequest {
	url: string;
	headers: Record<string, string>;
	json: true;
	timeout: number;
}

export interface Look {
	host: FleetHost;
	/** The models that the host has; missing where it did not answer. */
	models?: string[];
	/** Why the host did not answer. */
	problem?: string;
}

/** Asks each host of the credential for its models, all at once. */
export async function lookAtHosts(
	fleet: FleetCredential,
	request: (options: ModelsRequest) => Promise<unknown>,
): Promise<Look[]> {
	return await Promise.all(
		fleetHosts(fleet).map(async (host) => {
			try {
				const answer = await request({
					url: `${host.url.replace(/\/+$/, '')}/api/tags`,
					headers: host.apiKey ? { Authorization: `Bearer ${host.apiKey}` } : {},
					json: true,
					timeout: 10_000,
				});
				const models = (answer as { models?: Array<{ name?: string }> } | undefined)?.models;
				if (!Array.isArray(models)) return { host, problem: 'this is not Ollama: it lists no models' };
				return { host, models: models.flatMap((model) => (model.name ? [model.name] : [])) };
			} catch (error) {
				return { host, problem: (error as Error).message };
			}
		}),
	);
}

/** The hosts that did not answer and why, in one line; empty where all did. */
export function problemsOf(looks: Look[]): string {
	return looks.flatMap(({ host, problem }) => (problem ? [`${host.name}: ${problem}`] : [])).join('; ');
}
