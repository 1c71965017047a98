import { readFileSync } from 'node:fs';
import { SmartAiError } from './error.js';
import type { FleetConfig } from './generated/core.js';

/** The keys that hold a PEM text; each has a twin that names a file, and ends in `_file`. */
const TEXTS = ['ca', 'client_cert', 'client_key'] as const;
type Pems = Partial<Record<(typeof TEXTS)[number] | `${(typeof TEXTS)[number]}_file`, string>>;

/** The configuration with the text of each PEM file in its place. Throws `config_invalid`. */
export function withAuthorities(config: FleetConfig): FleetConfig {
	const read = <Server extends Pems>(server: Server, place: string): Server => {
		const whole: Server = { ...server };
		for (const text of TEXTS) {
			const name = `${text}_file` as const;
			const file = server[name];
			// Of two, core says which to keep.
			if (file === undefined || server[text] !== undefined) continue;
			try {
				whole[text] = readFileSync(file, 'utf8') as Server[typeof text];
			} catch (error) {
				const field = `${place}.${name}`;
				throw new SmartAiError('config_invalid', `${field}: ${(error as Error).message}`, { field });
			}
			delete whole[name];
		}
		return whole;
	};
	// What is no configuration at all is core's to refuse.
	if (!Array.isArray(config?.hosts)) return config;
	const hosts = config.hosts.map((host, at) => (host ? read(host, `hosts[${at}]`) : host));
	const prometheus = config.prometheus ? read(config.prometheus, 'prometheus') : config.prometheus;
	return { ...config, hosts, ...(prometheus === undefined ? {} : { prometheus }) };
}
