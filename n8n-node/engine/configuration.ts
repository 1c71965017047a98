import type { EngineConfig } from './contract';
import { pemOf } from './pem';

/** The fields of a credential about the TLS of one server. */
interface TlsFields {
	certificateAuthority?: string;
	clientCertificate?: string;
	secretClientKey?: string;
}

/** The fields of the Smart AI Fleet credential. */
export interface FleetCredential {
	hosts?: {
		host?: Array<
			TlsFields & {
				name?: string;
				url?: string;
				apiKey?: string;
				username?: string;
				password?: string;
				headerName?: string;
				secretHeaderValue?: string;
				parallel?: number;
				memoryGb?: number;
			}
		>;
	};
	sidecars?: string;
	sidecarApiKey?: string;
	models?: string;
	maxCpuPercent?: number;
	minFreeMemoryPercent?: number;
}

/** The fields of the Smart AI Prometheus credential. */
export interface PrometheusCredential extends TlsFields {
	url?: string;
	authentication?: 'none' | 'basic' | 'bearer';
	username?: string;
	password?: string;
	token?: string;
	headerName?: string;
	secretHeaderValue?: string;
	scrapeInterval?: number;
}

export interface FleetHost {
	name: string;
	url: string;
}

/** The hosts of a credential that have a URL, with the names people see. */
export function fleetHosts(fleet: FleetCredential): FleetHost[] {
	return (fleet.hosts?.host ?? [])
		.map((host) => ({
			name: trimmed(host.name) || trimmed(host.url),
			url: trimmed(host.url).replace(/\/+$/, ''),
		}))
		.filter((host) => host.url !== '');
}

/** The URLs of the sidecars of a credential, in its order. */
export function sidecarsOf({ sidecars }: FleetCredential): string[] {
	return listOf(sidecars).map((url) => url.replace(/\/+$/, ''));
}

/** What an engine needs, from what the two credentials say. Empty and zero mean "not set". */
export function engineConfig(fleet: FleetCredential, prometheus?: PrometheusCredential): EngineConfig {
	const config: EngineConfig = {
		hosts: (fleet.hosts?.host ?? [])
			.filter((host) => trimmed(host.url) !== '')
			.map((host) => ({
				...given('id', trimmed(host.name)),
				url: trimmed(host.url).replace(/\/+$/, ''),
				...given('api_key', trimmed(host.apiKey)),
				...given('username', host.username),
				...given('password', host.password),
				...ownHeader(host),
				...tlsOf(host),
				...given('parallel', host.parallel),
				...given('memory_gb', host.memoryGb),
			})),
	};
	const models = listOf(fleet.models);
	if (models.length > 0) config.models = models;
	const limits = {
		...given('max_cpu_percent', fleet.maxCpuPercent),
		...given('min_free_memory_percent', fleet.minFreeMemoryPercent),
	};
	if (Object.keys(limits).length > 0) config.limits = limits;
	const url = trimmed(prometheus?.url).replace(/\/+$/, '');
	if (prometheus && url !== '') {
		config.prometheus = { url, ...prometheusAuthentication(prometheus), ...tlsOf(prometheus) };
		Object.assign(config, given('scrape_interval_s', prometheus.scrapeInterval));
	}
	return config;
}

function prometheusAuthentication(credential: PrometheusCredential): Partial<NonNullable<EngineConfig['prometheus']>> {
	const headers = ownHeader(credential);
	if (credential.authentication === 'basic') {
		return {
			username: credential.username ?? '',
			password: credential.password ?? '',
			...headers,
		};
	}
	if (credential.authentication === 'bearer') {
		return { bearer: trimmed(credential.token), ...headers };
	}
	return headers;
}

/** The header of one's own that a server asks for. */
function ownHeader({ headerName, secretHeaderValue }: { headerName?: string; secretHeaderValue?: string }): {
	headers?: Record<string, string>;
} {
	const name = trimmed(headerName);
	return name ? { headers: { [name]: secretHeaderValue ?? '' } } : {};
}

/** Whose certificate a server must have, and what it is shown where it asks for one. */
export function tlsOf(fields: TlsFields): { ca?: string; client_cert?: string; client_key?: string } {
	return {
		...given('ca', pemOf(fields.certificateAuthority)),
		...given('client_cert', pemOf(fields.clientCertificate)),
		...given('client_key', pemOf(fields.secretClientKey)),
	};
}

/** Entries between commas or blanks. */
function listOf(text: string | undefined): string[] {
	return (text ?? '').split(/[\s,]+/).filter((entry) => entry !== '');
}

function given<Key extends string, Value>(key: Key, value: Value): { [K in Key]?: Value } {
	return (value ? { [key]: value } : {}) as { [K in Key]?: Value };
}

function trimmed(text: string | undefined): string {
	return (text ?? '').trim();
}
