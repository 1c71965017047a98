/** The WebAssembly package in one file, put here by the build. */
import type { Answer, AskRequest, Decision, EngineConfig } from '../contract';
import type { HttpRequest, HttpResponse } from '../httpTransport';

export interface Hands {
	transport: { request(request: HttpRequest): Promise<HttpResponse> };
	sleep(ms: number, signal: AbortSignal): Promise<unknown>;
	now(): number;
}

export declare function createDispatcher(
	config: EngineConfig,
	hands: Hands,
): {
	ask(
		request: AskRequest,
		options?: { signal?: AbortSignal; onText?: (delta: string) => void },
	): Promise<Answer>;
	decide(request: AskRequest): Promise<Decision>;
	close(): void;
};
