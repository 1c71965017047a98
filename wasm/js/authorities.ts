import { readFileSync } from 'node:fs';
import { SmartAiError } from './error.js';
import type { FleetConfig } from './generated/core.js';

/** The configuration with the text of each `ca_file` in its place. Throws `config_invalid`. */
export function withAuthorities(config: FleetConfig): FleetConfig {
	const read = <Server extends { ca?: string; ca_file?: string }>(server: Server, place: string): Server => {
		const { ca_file: file, ...rest } = server;
		// Of two, core says which to keep.
		if (file === undefined || rest.ca !== undefined) return server;
		try {
			return { ...rest, ca: readFileSync(file, 'utf8') } as Server;
		} catch (error) {
			const field = `${place}.ca_file`;
			throw new SmartAiError('config_invalid', `${field}: ${(error as Error).message}`, { field });
		}
	};
	// What is no configuration at all is core's to refuse.
	if (!Array.isArray(config?.hosts)) return config;
	const hosts = config.hosts.map((host, at) => (host ? read(host, `hosts[${at}]`) : host));
	const prometheus = config.prometheus ? read(config.prometheus, 'prometheus') : config.prometheus;
	return { ...config, hosts, ...(prometheus === undefined ? {} : { prometheus }) };
}
