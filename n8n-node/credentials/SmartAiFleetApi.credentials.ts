import type {
	ICredentialDataDecryptedObject,
	ICredentialType,
	IHttpRequestOptions,
	INodeProperties,
} from 'n8n-workflow';

import { admitted } from '../engine/admission';
import type { FleetCredential } from '../engine/configuration';

export class SmartAiFleetApi implements ICredentialType {
	name = 'smartAiFleetApi';

	displayName = 'Smart AI Fleet API';

	icon = { light: 'file:../icons/smartAi.svg', dark: 'file:../icons/smartAi.dark.svg' } as const;

	documentationUrl = 'https://github.com/smart-ai/smart-ai/tree/main/n8n-node#credentials';

	properties: INodeProperties[] = [
		{
			displayName: 'Hosts',
			name: 'hosts',
			type: 'fixedCollection',
			placeholder: 'Add Host',
			description: 'The Ollama servers that may answer. The connection test asks each.',
			default: { host: [{ name: 'local', url: 'http://127.0.0.1:11434', apiKey: '' }] },
			typeOptions: { multipleValues: true },
			options: [
				{
					displayName: 'Host',
					name: 'host',
					values: [
						{
							displayName: 'Name',
							name: 'name',
							type: 'string',
							default: '',
							placeholder: 'e.g. workstation',
							description: 'What decisions and messages call it. Empty means the address.',
						},
						{
							displayName: 'URL',
							name: 'url',
							type: 'string',
							default: 'http://127.0.0.1:11434',
							placeholder: 'e.g. http://127.0.0.1:11434',
						},
						{
							displayName: 'API Key',
							name: 'apiKey',
							type: 'string',
							typeOptions: { password: true },
							default: '',
							description: 'Sent as a bearer token, where a proxy in front of Ollama asks for one',
						},
						{
							displayName: 'User',
							name: 'username',
							type: 'string',
							default: '',
							description: 'For basic authentication, in place of an API key',
						},
						{
							displayName: 'Password',
							name: 'password',
							type: 'string',
							typeOptions: { password: true },
							default: '',
							description: 'For basic authentication, with the user',
						},
						{
							displayName: 'Header Name',
							name: 'headerName',
							type: 'string',
							default: '',
							placeholder: 'e.g. X-Api-Key',
							description: 'A header of your own, sent with every request',
						},
						{
							displayName: 'Header Value',
							name: 'secretHeaderValue',
							type: 'string',
							typeOptions: { password: true },
							default: '',
						},
						{
							displayName: 'Certificate Authority',
							name: 'certificateAuthority',
							type: 'string',
							typeOptions: { rows: 4 },
							default: '',
							placeholder: 'e.g. -----BEGIN CERTIFICATE-----',
							description:
								'PEM text of the authority that signed the certificate of this host, or of the certificate itself. ' +
								'No other authority is trusted for this host then.',
						},
						{
							displayName: 'Client Certificate',
							name: 'clientCertificate',
							type: 'string',
							typeOptions: { rows: 4 },
							default: '',
							placeholder: 'e.g. -----BEGIN CERTIFICATE-----',
							description: 'PEM text of the certificate that is shown to this host, where it asks for one',
						},
						{
							displayName: 'Client Key',
							name: 'secretClientKey',
							type: 'string',
							typeOptions: { password: true },
							default: '',
							placeholder: 'e.g. -----BEGIN PRIVATE KEY-----',
							description: 'PEM text of the key of the client certificate, not encrypted',
						},
						{
							displayName: 'Parallel Requests',
							name: 'parallel',
							type: 'number',
							typeOptions: { minValue: 0 },
							default: 0,
							description: 'The OLLAMA_NUM_PARALLEL of that server. 0 finds it out.',
						},
						{
							displayName: 'Memory for Models in GB',
							name: 'memoryGb',
							type: 'number',
							typeOptions: { minValue: 0 },
							default: 0,
							description: 'Where no metric tells. 0 means unknown.',
						},
					],
				},
			],
		},
		{
			displayName: 'Sidecar URLs',
			name: 'sidecars',
			type: 'string',
			default: '',
			placeholder: 'e.g. http://127.0.0.1:11435',
			description:
				'Where "smart-ai serve" runs, if it does: it then decides for every workflow and worker, and remembers. ' +
				'Several, with commas between: the first that is ready is used. While none is, n8n itself decides for ' +
				'the hosts above, which should be those of the sidecar.',
		},
		{
			displayName: 'Sidecar Key',
			name: 'sidecarApiKey',
			type: 'string',
			typeOptions: { password: true },
			default: '',
			description: 'One of the keys in the key file of the sidecars, where they ask for one',
		},
		{
			displayName: 'Models',
			name: 'models',
			type: 'string',
			default: '',
			placeholder: 'e.g. phi3:mini, llama3.2:3b, qwen2.5:7b',
			description:
				'Models to use, most modest first. Empty means phi3:mini, llama3.2:3b and qwen2.5:7b where installed, ' +
				'otherwise what a host has.',
		},
		{
			displayName: 'Max CPU %',
			name: 'maxCpuPercent',
			type: 'number',
			typeOptions: { minValue: 0, maxValue: 100 },
			default: 0,
			description: 'A host busier than this gets no request. 0 means no limit. Needs Prometheus.',
		},
		{
			displayName: 'Min Free Memory %',
			name: 'minFreeMemoryPercent',
			type: 'number',
			typeOptions: { minValue: 0, maxValue: 100 },
			default: 0,
			description: 'A host with less than this gets no request. 0 means no limit. Needs Prometheus.',
		},
	];

	/** Gives a request what the host or sidecar at its URL asks for. Keys of one never go to another. */
	authenticate = async (
		credentials: ICredentialDataDecryptedObject,
		requestOptions: IHttpRequestOptions,
	): Promise<IHttpRequestOptions> => admitted(credentials as FleetCredential, requestOptions);
}
