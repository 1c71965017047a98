import { engineConfig, type FleetCredential, sidecarsOf } from './configuration';
import type { EngineConfig } from './contract';
import { onIpv4 } from './loopback';

/** What is set on a request to be let in by a host; both generations of n8n's request helpers take it. */
interface Admitted {
	url: string;
	headers?: object;
	agentOptions?: object;
}

/**
 * The request with the key, the header and the certificates of the host that its URL leads to, or with the key of the
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
	const { api_key: key, username, password } = host;
	const headers: Record<string, string> = { ...host.headers };
	if (key) headers.Authorization = `Bearer ${key}`;
	else if (username) {
		headers.Authorization = `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
	}
	return secured(host, { ...request, headers: { ...request.headers, ...headers } });
}

/** The request with what TLS needs to know of its server, if anything. */
export function secured<Request extends Pick<Admitted, 'agentOptions'>>(
	{ ca, client_cert: cert, client_key: key }: Pick<EngineConfig['hosts'][number], 'ca' | 'client_cert' | 'client_key'>,
	request: Request,
): Request {
	const own = { ...(ca && { ca }), ...(cert && { cert, key }) };
	if (Object.keys(own).length === 0) return request;
	return { ...request, agentOptions: { ...request.agentOptions, ...own } };
}
