import { engineConfig, type FleetCredential, sidecarsOf } from './configuration';
import { onIpv4 } from './loopback';

/** What is set on a request to be let in by a host; both generations of n8n's request helpers take it. */
interface Admitted {
	url: string;
	headers?: object;
	agentOptions?: object;
}

/**
 * The request with the key, the header and the authority of the host that its URL leads to, or with the key of the
 * sidecars where it leads to one; any other as it is.
 */
export function admitted<Request extends Admitted>(fleet: FleetCredential, request: Request): Request {
	const asked = onIpv4(request.url);
	const leadsTo = (url: string): boolean => asked === onIpv4(url) || asked.startsWith(`${onIpv4(url)}/`);
	const host = engineConfig(fleet).hosts.find(({ url }) => leadsTo(url));
	if (host === undefined) {
		const key = (fleet.sidecarApiKey ?? '').trim();
		if (key === '' || !sidecarsOf(fleet).some(leadsTo)) return request;
		return { ...request, headers: { ...request.headers, Authorization: `Bearer ${key}` } };
	}
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
