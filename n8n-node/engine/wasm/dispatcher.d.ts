/** The WebAssembly package in one file, put here by the build. */
import type { Dispatcher, EngineConfig } from '../contract';
import type { HttpRequest, HttpResponse } from '../httpTransport';

export interface Hands {
	transport: { request(request: HttpRequest): Promise<HttpResponse> };
	sleep(ms: number, signal: AbortSignal): Promise<unknown>;
	now(): number;
}

export declare function createDispatcher(config: EngineConfig, hands: Hands): Dispatcher;
