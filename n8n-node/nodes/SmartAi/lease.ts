import type { IExecuteFunctions, ISupplyDataFunctions } from 'n8n-workflow';
import { NodeOperationError } from 'n8n-workflow';

import { chooseEngine, type EngineWish, isUnavailable } from '../../engine/choice';
import { engineConfig, type FleetCredential, type PrometheusCredential } from '../../engine/configuration';
import { WorkflowMemory } from '../../engine/memory';
import { nativeEngine } from '../../engine/native';
import { EnginePool, type Lease } from '../../engine/pool';
import { wasmEngine } from '../../engine/wasm';

const pool = new EnginePool();

/** The engine of this node's credentials, shared by every execution of this process. */
export async function leaseEngine(context: IExecuteFunctions | ISupplyDataFunctions, wish: EngineWish): Promise<Lease> {
	const node = context.getNode();
	const { smartAiFleetApi, smartAiPrometheusApi } = node.credentials ?? {};
	const fleet = await context.getCredentials<FleetCredential>('smartAiFleetApi');
	const prometheus = smartAiPrometheusApi
		? await context.getCredentials<PrometheusCredential>('smartAiPrometheusApi')
		: undefined;
	const config = engineConfig(fleet, prometheus);
	const slot = [smartAiFleetApi?.id, smartAiPrometheusApi?.id, wish].join('|');
	const { httpRequest } = context.helpers;
	const memory = new WorkflowMemory(context.getWorkflowStaticData('global'), slot);
	const make = async () => {
		const engine = await chooseEngine(wish, config, {
			native: nativeEngine,
			wasm: async (given) => await wasmEngine(given, httpRequest, memory.learned()),
		});
		if (!isUnavailable(engine)) return engine;
		throw new NodeOperationError(node, `The ${wish} engine does not load on this machine`, {
			description: `Set the option Engine to Auto or WebAssembly, which run everywhere. Reason: ${engine.unavailable}`,
		});
	};
	try {
		const { engine, release } = await pool.lease(slot, config, make);
		return {
			engine,
			release: () => {
				memory.keep(engine);
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
