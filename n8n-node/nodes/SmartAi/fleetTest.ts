import type {
	ICredentialsDecrypted,
	ICredentialTestFunctions,
	IHttpRequestOptions,
	INodeCredentialTestResult,
} from 'n8n-workflow';

import { admitted } from '../../engine/admission';
import { type FleetCredential, sidecarsOf } from '../../engine/configuration';
import { messageOf, notReady, refusesKey } from '../../engine/sidecars';
import { lookAtHosts, problemsOf } from './hostModels';

/** Asks every host and sidecar of the credential: one that is down would otherwise be found by a workflow at night. */
export async function fleetTest(
	this: ICredentialTestFunctions,
	credential: ICredentialsDecrypted,
): Promise<INodeCredentialTestResult> {
	// The only request helper that n8n gives to a credential's test.
	const { request } = this.helpers;
	const fleet = (credential.data ?? {}) as FleetCredential;
	const whole = { resolveWithFullResponse: true, simple: false };
	const [looks, sidecars] = await Promise.all([
		lookAtHosts(fleet, async (options) => await request(admitted(fleet, options))),
		lookAtSidecars(fleet, async (options) => await request({ ...admitted(fleet, options), ...whole })),
	]);
	if (looks.length === 0 && sidecars.length === 0) return { status: 'Error', message: 'Add a host with a URL.' };
	const answering = looks.filter(({ models }) => models).length;
	const ready = sidecars.filter(({ problem }) => problem === undefined);
	const told = [
		...(looks.length > 0 ? [`${answering} of ${looks.length} hosts answer`] : []),
		...ready.slice(0, 1).map(({ url }) => `the sidecar ${url} is ready`),
	];
	// One of several is enough: the others wait for it to end.
	const idle = ready.length > 0 ? [] : sidecars.map(({ url, problem }) => `the sidecar ${url} ${problem}`);
	const problems = [problemsOf(looks), ...idle].filter((problem) => problem !== '');
	return { status: problems.length === 0 ? 'OK' : 'Error', message: [...told, ...problems].join('; ') };
}

async function lookAtSidecars(
	fleet: FleetCredential,
	send: (options: IHttpRequestOptions) => Promise<unknown>,
): Promise<Array<{ url: string; problem?: string }>> {
	return await Promise.all(
		sidecarsOf(fleet).map(async (url) => {
			try {
				return { url, problem: (await notReady(send, url)) ?? (await refusesKey(send, url)) };
			} catch (error) {
				return { url, problem: `does not answer (${messageOf(error)})` };
			}
		}),
	);
}
