import type { HostSnapshot } from '../../../../engine/contract';
import { words } from '../../words';
import type { Run } from '../../operation';

/** One thing that was looked at. */
export interface Check {
	[key: string]: string | boolean;
	check: string;
	ok: boolean;
	detail: string;
	/** What to do; empty where all is well. */
	fix: string;
}

/** One item for each thing that agents and workflows need of the fleet. */
export async function execute({ context, engine }: Run): Promise<Check[]> {
	const hosts = await engine.models();
	const metrics = Boolean(context.getNode().credentials?.smartAiPrometheusApi);
	return checksOf(hosts, metrics);
}

export function checksOf(hosts: HostSnapshot[], metrics: boolean): Check[] {
	const checks = hosts.map(({ host, state, version, models }) => {
		const detail = `Ollama ${version ?? 'of unknown version'} with ${models.length} models`;
		if (state !== 'up') return check(`host ${host}`, false, words(state), HOST_FIX);
		return check(`host ${host}`, models.length > 0, detail, 'Install a model there: ollama pull llama3.2:3b');
	});
	for (const [ability, use, fix] of ABILITIES) {
		const able = [
			...new Set(
				hosts.flatMap(({ models }) =>
					models.filter(({ capabilities }) => capabilities?.includes(ability)).map(({ model }) => model),
				),
			),
		];
		const detail = able.length > 0 ? able.join(', ') : 'no model of the fleet';
		checks.push(check(use, able.length > 0, detail, `Install one: ollama pull ${fix}`));
	}
	if (metrics) {
		const silent = hosts.filter(({ signals }) => signals.length === 0).map(({ host }) => host);
		const detail = silent.length > 0 ? `none of ${silent.join(', ')}` : 'of every host';
		checks.push(check('metrics', silent.length === 0, detail, METRICS_FIX));
	}
	return checks;
}

const HOST_FIX = 'Start Ollama there, or correct the URL or the key in the Smart AI Fleet credential.';
const METRICS_FIX = 'Have Prometheus scrape an exporter on each host; the labels must hold the address of the host.';
const ABILITIES = [
	['completion', 'models that write', 'llama3.2:3b'],
	['tools', 'models that call tools, for agents', 'llama3.2:3b'],
	['vision', 'models that see pictures', 'llava:7b'],
	['embedding', 'models that embed, for vector stores', 'nomic-embed-text'],
] as const;

const check = (name: string, ok: boolean, detail: string, fix: string): Check => ({
	check: name,
	ok,
	detail,
	fix: ok ? '' : fix,
});
