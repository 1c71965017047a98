import type { ICredentialsDecrypted, ICredentialTestFunctions, INodeCredentialTestResult } from 'n8n-workflow';

import { admitted } from '../../engine/admission';
import type { FleetCredential } from '../../engine/configuration';
import { lookAtHosts, problemsOf } from './hostModels';

/** Asks every host of the credential: one that is down would otherwise be found by a workflow at night. */
export async function fleetTest(
	this: ICredentialTestFunctions,
	credential: ICredentialsDecrypted,
): Promise<INodeCredentialTestResult> {
	// The only request helper that n8n gives to a credential's test.
	const { request } = this.helpers;
	const fleet = (credential.data ?? {}) as FleetCredential;
	const looks = await lookAtHosts(fleet, async (options) => await request(admitted(fleet, options)));
	if (looks.length === 0) return { status: 'Error', message: 'Add a host with a URL.' };
	const problems = problemsOf(looks);
	if (problems === '') return { status: 'OK', message: `${looks.length} of ${looks.length} hosts answer` };
	const answering = looks.filter(({ models }) => models).length;
	return { status: 'Error', message: `${answering} of ${looks.length} hosts answer; ${problems}` };
}
