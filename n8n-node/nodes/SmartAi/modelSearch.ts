import type { ILoadOptionsFunctions, INodeListSearchItems, INodeListSearchResult } from 'n8n-workflow';
import { NodeOperationError } from 'n8n-workflow';

import type { FleetCredential } from '../../engine/configuration';
import { lookAtHosts, problemsOf, type SendRequest } from './hostModels';

/** What a model can do, in the words of Ollama's `/api/show`. */
export type Ability = 'completion' | 'embedding' | 'tools' | 'vision';

type ListSearch = (this: ILoadOptionsFunctions, filter?: string) => Promise<INodeListSearchResult>;

/** The models of every host as one list, each with the hosts that have it: those that can do this. */
export function modelsAble(ability: Ability): ListSearch {
	return async function (this: ILoadOptionsFunctions, filter?: string): Promise<INodeListSearchResult> {
		const fleet = await this.getCredentials<FleetCredential>('smartAiFleetApi');
		const send: SendRequest = async (options) =>
			await this.helpers.httpRequestWithAuthentication.call(this, 'smartAiFleetApi', options);
		const looks = await lookAtHosts(fleet, send, ability);
		const answered = looks.flatMap(({ host, models }) => (models ? [{ host, models }] : []));
		if (answered.length === 0) {
			throw new NodeOperationError(this.getNode(), 'No Ollama host of the credential answers', {
				description: problemsOf(looks) || 'Add a host to the Smart AI Fleet credential.',
			});
		}
		return { results: mergedModels(answered, filter) };
	};
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
