import { engineConfig, type FleetCredential } from './configuration';
import { onIpv4 } from './loopback';

/** What is set on a request to be let in by a host; both generations of n8n's request helpers take it. */
interface Admitted {
	url: string;
	headers?: object;
	agentOptions?: object;
}

/** The request with the key, the header and the authority of the host that its URL leads to; of any other, as it is. */
export function admitted<Request extends Admitted>(fleet: FleetCredential, request: Request): Request {
	const asked = onIpv4(request.url);
	const host = engineConfig(fleet).hosts.find((known) => {
		const url = onIpv4(known.url);
		return asked === url || asked.startsWith(`${url}/`);
	});
	if (host === undefined) return request;
	const { api_key: key, username, password, ca } = host;
	const headers: Record<string, string> = { ...host.headers };
	if (key) headers.Authorization = `Bearer ${key}`;
	else if (username) {
		headers.Authorization = `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
	}
	return {
		...request,
		headers: { ...request.headers, ...headers },
		...(ca ? { agentOptions: { ...request.agentOptions, ca } } : {}),
	};
}
