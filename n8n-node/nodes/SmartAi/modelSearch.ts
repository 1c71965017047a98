import type {
	IHttpRequestOptions,
	ILoadOptionsFunctions,
	INodeListSearchItems,
	INodeListSearchResult,
} from 'n8n-workflow';
import { NodeOperationError } from 'n8n-workflow';

import { type FleetCredential, type FleetHost, fleetHosts } from '../../engine/configuration';

type Request = (options: IHttpRequestOptions) => Promise<unknown>;

/** The models of every host as one list, each with the hosts that have it. */
export async function modelSearch(
	this: ILoadOptionsFunctions,
	filter?: string,
): Promise<INodeListSearchResult> {
	const hosts = fleetHosts(await this.getCredentials<FleetCredential>('smartAiFleetApi'));
	const looks = await Promise.allSettled(
		hosts.map(async (host) => ({ host, models: await modelsOf(host, this.helpers.httpRequest) })),
	);
	const answered = looks.flatMap((look) => (look.status === 'fulfilled' ? [look.value] : []));
	if (answered.length === 0) {
		const reasons = looks.map((look, index) =>
			look.status === 'rejected' ? `${hosts[index].name}: ${(look.reason as Error).message}` : '',
		);
		throw new NodeOperationError(this.getNode(), 'No Ollama host of the credential answers', {
			description: reasons.join('; ') || 'Add a host to the Smart AI Fleet credential.',
		});
	}
	return { results: mergedModels(answered, filter) };
}

/** One entry per model name, in order of name, filtered by part of the name. */
export function mergedModels(
	answered: Array<{ host: { name: string }; models: string[] }>,
	filter = '',
): INodeListSearchItems[] {
	const hostsByModel = new Map<string, string[]>();
	for (const { host, models } of answered) {
		for (const model of models) {
			hostsByModel.set(model, [...(hostsByModel.get(model) ?? []), host.name]);
		}
	}
	return [...hostsByModel]
		.filter(([model]) => model.toLowerCase().includes(filter.toLowerCase()))
		.sort(([one], [other]) => (one < other ? -1 : 1))
		.map(([model, hosts]) => ({ name: `${model} (${hosts.join(', ')})`, value: model }));
}

async function modelsOf(host: FleetHost, request: Request): Promise<string[]> {
	const response = (await request({
		url: `${host.url.replace(/\/+$/, '')}/api/tags`,
		headers: host.apiKey ? { Authorization: `Bearer ${host.apiKey}` } : {},
		json: true,
		timeout: 10_000,
	})) as { models?: Array<{ name?: string }> };
	return (response.models ?? []).flatMap((model) => (model.name ? [model.name] : []));
}
