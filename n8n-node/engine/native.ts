import type { Unavailable } from './choice';
import { type Dispatcher, type Engine, type EngineConfig, engineOf, type Snapshot } from './contract';

/** The npm package that holds it, which a user installs beside this one. */
const PACKAGE: string = 'ai-model-dispatcher';

/** This package's own manifest, seen from where this file lies once it is compiled. */
const OWN_MANIFEST: string = '../../package.json';

interface Native extends Dispatcher {
	snapshot(): Promise<Snapshot>;
}

interface Addon {
	createDispatcher(config: EngineConfig, learned?: Snapshot): Native;
}

/**
 * The native engine, where its npm package is installed beside this one and runs on this machine. It begins with what
 * one before it has `learned`, where this version can read that.
 */
export async function nativeEngine(config: EngineConfig, learned?: Snapshot): Promise<Engine | Unavailable> {
	let addon: Addon;
	try {
		const old = outdated(await versionOf(`${PACKAGE}/package.json`), await versionOf(OWN_MANIFEST));
		if (old) return { unavailable: old, tell: true };
		// By \`require\` once compiled: n8n shares packages by NODE_PATH, which a real \`import()\` does not read.
		addon = (await import(PACKAGE)) as Addon;
	} catch (error) {
		return { unavailable: (error as Error).message.split('\n', 1)[0] };
	}
	const dispatcher = begun(addon, config, learned);
	return engineOf('native', dispatcher, async () => await dispatcher.snapshot());
}

async function versionOf(manifest: string): Promise<string> {
	return ((await import(manifest)) as { version: string }).version;
}

/** Why a package of that version does not serve ours; nothing where it is as new. An older one refuses new settings. */
export function outdated(theirs: string, ours: string): string | undefined {
	const numbers = (version: string) => version.split(/[.+-]/, 3).map(Number);
	const [their, our] = [numbers(theirs), numbers(ours)];
	const at = our.findIndex((number, place) => number !== their[place]);
	if (at < 0 || their[at] > our[at]) return undefined;
	const mend = `run npm install ${PACKAGE}@${ours} in ~/.n8n/nodes and restart n8n`;
	return `the package ${PACKAGE} ${theirs} is older than n8n-nodes-smart-ai ${ours} (${mend})`;
}

/** What cannot be read of an earlier engine counts as nothing: it is only a cache. */
function begun(addon: Addon, config: EngineConfig, learned?: Snapshot): Native {
	if (learned !== undefined) {
		try {
			return addon.createDispatcher(config, learned);
		} catch {
			return addon.createDispatcher(config);
		}
	}
	return addon.createDispatcher(config);
}
