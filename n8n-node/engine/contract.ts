/** What the node asks of an engine, whichever build serves. All names are those of Smart AI's JSON. */

export type Mode = 'fast' | 'balanced' | 'best';

/** One request. Without a pin the engine picks the model and the host. */
export interface AskRequest {
	id?: string;
	prompt?: string;
	messages?: Array<{ role: string; content: string }>;
	system?: string;
	/** `auto` or one of general, summarize, analyze, extract, classify, code, chat, vision, embed. */
	task?: string;
	/** Key of similar requests; their history predicts this one's length. */
	shape?: string;
	mode?: Mode;
	model?: string;
	host?: string;
	deadline_ms?: number;
	max_tokens?: number;
	/** JSON schema of the answer. */
	schema?: object;
	/** Ollama's sampling options. */
	options?: Record<string, unknown>;
}

/** The seconds each arm would cost, best first, and why each other arm was left out. */
export interface Decision {
	chosen: { host: string; model: string } | null;
	reason: string;
	predicted_ms: number;
	task: string;
	mode: Mode;
	prompt_tokens: number;
	output_tokens: number;
	candidates: Array<Record<string, unknown>>;
	dropped: Array<Record<string, unknown>>;
	signals: Array<Record<string, unknown>>;
	notes: string[];
}

export interface Answer {
	id: string;
	ok: boolean;
	text: string;
	embeddings?: number[][] | null;
	error: { code: string; message: string; hint: string } | null;
	model: string | null;
	host: string | null;
	attempts: Array<{ host: string; model: string; outcome: string; ms: number }>;
	decision: Decision | null;
	usage: { prompt_tokens: number; output_tokens: number };
	ms: { queue: number; load: number; first_token: number; total: number };
	predicted_ms: number;
}

export type EngineName = 'wasm' | 'native';

/** A running dispatcher. A job that fails is an answer with `ok: false`, never a throw. */
export interface Engine {
	readonly name: EngineName;
	ask(
		request: AskRequest,
		options?: { signal?: AbortSignal; onText?: (delta: string) => void },
	): Promise<Answer>;
	decide(request: AskRequest): Promise<Decision>;
	close(): Promise<void>;
}

/** What every engine is made from; the shape of `smart-ai.toml`. */
export interface EngineConfig {
	hosts: Array<{
		id?: string;
		url: string;
		api_key?: string;
		parallel?: number;
		memory_gb?: number;
	}>;
	prometheus?: {
		url: string;
		bearer?: string;
		username?: string;
		password?: string;
		headers?: Record<string, string>;
	};
	models?: string[];
	limits?: { max_cpu_percent?: number; min_free_memory_percent?: number };
	scrape_interval_s?: number;
}
