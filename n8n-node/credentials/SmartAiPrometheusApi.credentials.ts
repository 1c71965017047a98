import type {
	ICredentialDataDecryptedObject,
	ICredentialTestRequest,
	ICredentialType,
	IHttpRequestOptions,
	INodeProperties,
} from 'n8n-workflow';

import { secured } from '../engine/admission';
import { tlsOf } from '../engine/configuration';

export class SmartAiPrometheusApi implements ICredentialType {
	name = 'smartAiPrometheusApi';

	displayName = 'Smart AI Prometheus API';

	icon = { light: 'file:../icons/smartAi.svg', dark: 'file:../icons/smartAi.dark.svg' } as const;

	documentationUrl = 'https://github.com/smart-ai/smart-ai/tree/main/n8n-node#credentials';

	properties: INodeProperties[] = [
		{
			displayName: 'URL',
			name: 'url',
			type: 'string',
			default: 'http://127.0.0.1:9090',
			placeholder: 'e.g. http://127.0.0.1:9090',
		},
		{
			displayName: 'Authentication',
			name: 'authentication',
			type: 'options',
			options: [
				{ name: 'Basic', value: 'basic' },
				{ name: 'Bearer Token', value: 'bearer' },
				{ name: 'None', value: 'none' },
			],
			default: 'none',
		},
		{
			displayName: 'User',
			name: 'username',
			type: 'string',
			default: '',
			displayOptions: { show: { authentication: ['basic'] } },
		},
		{
			displayName: 'Password',
			name: 'password',
			type: 'string',
			typeOptions: { password: true },
			default: '',
			displayOptions: { show: { authentication: ['basic'] } },
		},
		{
			displayName: 'Token',
			name: 'token',
			type: 'string',
			typeOptions: { password: true },
			default: '',
			displayOptions: { show: { authentication: ['bearer'] } },
		},
		{
			displayName: 'Header Name',
			name: 'headerName',
			type: 'string',
			default: '',
			placeholder: 'e.g. X-Scope-OrgID',
			description: 'A header of your own, sent with every query',
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
			typeOptions: { password: true },
			default: '',
			placeholder: 'e.g. -----BEGIN CERTIFICATE-----',
			description:
				'PEM text of the authority that signed the certificate of Prometheus, or of the certificate itself. ' +
				'No other authority is trusted for it then.',
		},
		{
			displayName: 'Client Certificate',
			name: 'clientCertificate',
			type: 'string',
			typeOptions: { password: true },
			default: '',
			placeholder: 'e.g. -----BEGIN CERTIFICATE-----',
			description: 'PEM text of the certificate that is shown to Prometheus, where it asks for one',
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
			displayName: 'Scrape Interval in Seconds',
			name: 'scrapeInterval',
			type: 'number',
			typeOptions: { minValue: 1, maxValue: 3600 },
			default: 15,
			description: 'A metric older than three of these counts as unknown',
		},
	];

	authenticate = async (
		credentials: ICredentialDataDecryptedObject,
		requestOptions: IHttpRequestOptions,
	): Promise<IHttpRequestOptions> => {
		const headers = { ...requestOptions.headers };
		if (credentials.authentication === 'bearer') {
			headers.Authorization = `Bearer ${String(credentials.token)}`;
		}
		if (credentials.headerName) {
			headers[String(credentials.headerName)] = String(credentials.secretHeaderValue);
		}
		const request = secured(tlsOf(credentials), { ...requestOptions, headers });
		if (credentials.authentication !== 'basic') return request;
		const auth = {
			username: String(credentials.username),
			password: String(credentials.password),
		};
		return { ...request, auth };
	};

	test: ICredentialTestRequest = {
		request: {
			baseURL: '={{ $credentials.url }}',
			url: '/api/v1/query',
			method: 'POST',
			headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
			body: { query: 'up' },
			timeout: 10000,
		},
	};
}
