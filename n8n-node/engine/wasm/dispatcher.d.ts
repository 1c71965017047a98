/** The WebAssembly package in one file, put here by the build. */
import type { Dispatcher, EngineConfig, Snapshot } from '../contract';
import type { HttpRequest, HttpResponse } from '../httpTransport';

export interface Hands {
	transport: { request(request: HttpRequest): Promise<HttpResponse> };
	sleep(ms: number, signal: AbortSignal): Promise<unknown>;
	now(): number;
}

export interface Remembering extends Dispatcher {
	learned(): Snapshot;
}

export declare function createDispatcher(config: EngineConfig, hands: Hands, learned?: Snapshot): Remembering;
