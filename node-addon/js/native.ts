import { createRequire } from 'node:module';
import { SmartAiError } from './contract/error.js';

/** The addon as it is: values are JSON texts, and an error's message is JSON too. */
export interface Native {
	Dispatcher: {
		new (config: string, seed: number): NativeDispatcher;
		restore(config: string, seed: number, snapshot: string): NativeDispatcher;
	};
	AnswerReader: new () => { push(bytes: Uint8Array): string; finish(): string };
	Engine: new (config: string, history?: string) => NativeEngine;
	Cancel: new () => NativeCancel;
	answerRefused(id: string, error: string): string;
	cli(args: string[]): number;
	[name: string]: unknown;
}

export interface NativeDispatcher {
	start(now: number): string;
	step(now: number, event: string): string;
	slept(now: number): string;
	decide(now: number, request: string): string;
	decision(job: number): string;
	snapshot(): string;
}

export interface NativeEngine {
	ask(ask: string, cancel: NativeCancel, onText?: (text: string) => void): Promise<string>;
	decide(ask: string): Promise<string>;
	feedback(feedback: string): void;
	snapshot(): Promise<string>;
	drain(): Promise<void>;
	close(): Promise<void>;
	/** Whether its task has ended. */
	closed(): boolean;
}

export interface NativeCancel {
	cancel(): void;
}

/** Loads the addon built for this platform; its own error says why it cannot. */
export function load(from: string): Native {
	return createRequire(from)(`./smart-ai.${process.platform}-${process.arch}.node`) as Native;
}

/** Calls into the addon; its errors become errors with code, message and what else is known. */
export function called<T>(call: () => T): T {
	try {
		return call();
	} catch (error) {
		throw explained(error);
	}
}

function explained(error: unknown): unknown {
	const { code, message } = error as { code?: string; message?: string };
	if (code === undefined || !message?.startsWith('{')) return error;
	const { message: text, ...known } = JSON.parse(message) as { message: string; hint?: string; field?: string };
	return new SmartAiError(code, text, known);
}
