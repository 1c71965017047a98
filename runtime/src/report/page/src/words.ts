// Numbers as a person says them.

export const percent = (share: number): string => `${(share * 100).toFixed(share > 0.95 && share < 1 ? 1 : 0)} %`;

export function seconds(value: number): string {
	if (value < 1) return `${Math.round(value * 1000)} ms`;
	if (value < 100) return `${value.toFixed(value < 10 ? 1 : 0)} s`;
	return `${(value / 60).toFixed(1)} min`;
}

export const count = (value: number, one: string, many = `${one}s`): string =>
	`${value.toLocaleString('en')} ${value === 1 ? one : many}`;

export const when = (ms: number): string =>
	new Date(ms).toLocaleString('en', {
		day: 'numeric',
		month: 'long',
		year: 'numeric',
		hour: '2-digit',
		minute: '2-digit',
		hour12: false,
	});

const NAMES: Record<string, string> = {
	smart: 'Smart AI',
	static: 'a fixed host',
	'least-connections': 'least connections',
	clairvoyant: 'knowing the future',
};

/** A way of choosing, in words. */
export const policy = (name: string): string => NAMES[name] ?? name;

/** The word of a failure, in words. */
export const failure = (word: string): string => word.replaceAll('_', ' ');

const DONE: Record<string, string> = {
	unload: 'unloaded',
	prewarm: 'loaded before a use that was expected',
	prepare: 'loaded because a caller asked for it',
	start: 'hosts started',
	stop: 'hosts stopped',
};
/** What was done, or would have been, at the beginning of a sentence. */
export const did = (action: string, dry_run: boolean): string => {
	const words = DONE[action] ?? action;
	return dry_run ? `In dry runs: ${words}` : `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
};
