import type { IExecuteFunctions, IHttpRequestOptions, ISupplyDataFunctions } from 'n8n-workflow';
import { NodeOperationError } from 'n8n-workflow';

import { chooseEngine, type EngineWish, isUnavailable } from '../../engine/choice';
import { engineConfig, type FleetCredential, type PrometheusCredential, sidecarsOf } from '../../engine/configuration';
import type { Engine, OwnEngineName } from '../../engine/contract';
import { WorkflowMemory } from '../../engine/memory';
import { nativeEngine } from '../../engine/native';
import { EnginePool } from '../../engine/pool';
import { sidecarEngine } from '../../engine/sidecar';
import { Sidecars } from '../../engine/sidecars';
import { wasmEngine } from '../../engine/wasm';

type Context = IExecuteFunctions | ISupplyDataFunctions;

/** An engine in use. Release it once, when the last request has ended. */
export interface Lease {
	engine: Engine;
	release(): Promise<void>;
}

const pool = new EnginePool();
/** What this process knows of the sidecars in a list. */
const lists = new Map<string, Sidecars>();

/** The engine of this node's credentials: a sidecar, or one that every execution of this process shares. */
export async function leaseEngine(context: Context, wish: EngineWish): Promise<Lease> {
	const fleet = await context.getCredentials<FleetCredential>('smartAiFleetApi');
	const urls = sidecarsOf(fleet);
	if (wish === 'sidecar' && urls.length === 0) {
		throw new NodeOperationError(context.getNode(), 'The credential names no sidecar', {
			description: 'Enter its URL in the Smart AI Fleet credential, or set the option Engine to Auto.',
		});
	}
	if (wish !== 'sidecar' && (wish !== 'auto' || urls.length === 0)) return await leaseOwn(context, fleet, wish);
	let leased: Promise<Lease> | undefined;
	const own = async () => {
		leased ??= leaseOwn(context, fleet, 'auto');
		return (await leased).engine;
	};
	return {
		engine: sidecarEngine(known(urls), sender(context), wish === 'auto' ? own : undefined),
		release: async () => {
			// One that could not be had has told so already.
			const lease = await leased?.catch(() => undefined);
			await lease?.release();
		},
	};
}

function known(urls: string[]): Sidecars {
	const key = urls.join(' ');
	const sidecars = lists.get(key) ?? new Sidecars(urls);
	lists.set(key, sidecars);
	return sidecars;
}

/** n8n's own client, which adds the key of the credential. */
const sender = (context: Context) => async (options: IHttpRequestOptions) =>
	(await context.helpers.httpRequestWithAuthentication.call(context, 'smartAiFleetApi', options)) as unknown;

async function leaseOwn(context: Context, fleet: FleetCredential, wish: 'auto' | OwnEngineName): Promise<Lease> {
	const node = context.getNode();
	const { smartAiFleetApi, smartAiPrometheusApi } = node.credentials ?? {};
	const prometheus = smartAiPrometheusApi
		? await context.getCredentials<PrometheusCredential>('smartAiPrometheusApi')
		: undefined;
	const config = engineConfig(fleet, prometheus);
	const slot = [smartAiFleetApi?.id, smartAiPrometheusApi?.id, wish].join('|');
	const { httpRequest } = context.helpers;
	const memory = new WorkflowMemory(context.getWorkflowStaticData('global'), slot);
	const make = async () => {
		const learned = memory.learned();
		const engine = await chooseEngine(wish, config, {
			native: async (given) => await nativeEngine(given, learned),
			wasm: async (given) => await wasmEngine(given, httpRequest, learned),
		});
		if (!isUnavailable(engine)) return engine;
		throw new NodeOperationError(node, `The ${wish} engine does not load on this machine`, {
			description: `${INSTALL} Reason: ${engine.unavailable}`,
		});
	};
	try {
		const { engine, release } = await pool.lease(slot, config, make);
		return {
			engine,
			release: async () => {
				// What cannot be kept is learned anew.
				await memory.keep(engine).catch(() => {});
				release();
			},
		};
	} catch (error) {
		// A NodeOperationError passes through unchanged; anything else is a refused configuration.
		throw new NodeOperationError(node, error as Error, {
			description: 'Correct the Smart AI credentials of this node.',
		});
	}
}

const INSTALL =
	'Install the npm package ai-model-dispatcher in ~/.n8n/nodes, or set the option Engine to Auto or WebAssembly.';
