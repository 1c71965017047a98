import type { IDataObject } from 'n8n-workflow';

import type { Engine, Snapshot } from './contract';

/** Where in a workflow's static data it stands. */
const KEY = 'smartAi';

/** Most characters one workflow keeps: n8n writes them at the end of each execution that changed any. */
const MOST_CHARACTERS = 200_000;
/** Milliseconds between two writes of one workflow. */
const WRITE_EVERY_MS = 60_000;

/** What one workflow keeps of an engine. */
interface Kept {
	/** When it was written, in milliseconds since 1970. */
	at: number;
	/** A snapshot as JSON: n8n watches every object in static data, and a text costs it nothing. */
	snapshot: string;
}

/**
 * What was learned, in the static data of a workflow, so that a restarted n8n predicts as before. A cache, no more:
 * executions at the same time overwrite one another, and n8n keeps none of a manual one.
 */
export class WorkflowMemory {
	/** `slot`: which engine's. */
	constructor(
		private readonly staticData: IDataObject,
		private readonly slot: string,
		private readonly now: () => number = Date.now,
	) {}

	/** What was kept, if it can be read. */
	learned(): Snapshot | undefined {
		const text = this.kept?.snapshot;
		if (typeof text !== 'string') return undefined;
		try {
			return JSON.parse(text) as Snapshot;
		} catch {
			return undefined;
		}
	}

	/** Keeps what the engine has learned, once a minute at most. */
	async keep(engine: Pick<Engine, 'learned'>): Promise<void> {
		const now = this.now();
		const age = now - (this.kept?.at ?? 0);
		if (!engine.learned || (age >= 0 && age < WRITE_EVERY_MS)) return;
		const snapshot = compact(await engine.learned(), MOST_CHARACTERS);
		if (snapshot === undefined) return;
		const others = this.staticData[KEY] as IDataObject | undefined;
		this.staticData[KEY] = { ...others, [this.slot]: { at: now, snapshot } };
	}

	private get kept(): Kept | undefined {
		const all = this.staticData[KEY] as Record<string, Kept> | undefined;
		return all?.[this.slot];
	}
}

/** The snapshot as JSON without what a restart makes worthless; of too many shapes, those that learned last. */
export function compact(snapshot: Snapshot, most: number): string | undefined {
	const hosts = snapshot.hosts.map((host) => ({ ...host, signals: [] }));
	let shapes = Object.entries(snapshot.lengths.shapes);
	shapes.sort(([, one], [, other]) => learnedAt(other) - learnedAt(one));
	while (true) {
		const lengths = { ...snapshot.lengths, shapes: Object.fromEntries(shapes) };
		const text = JSON.stringify({ ...snapshot, hosts, lengths, jobs: 0, calls: 0, metrics: null });
		if (text.length <= most) return text;
		if (shapes.length === 0) return undefined;
		shapes = shapes.slice(0, Math.floor(shapes.length / 2));
	}
}

/** When anything of a shape was last learned. */
function learnedAt({ any, models }: Snapshot['lengths']['shapes'][string]): number {
	return Math.max(any.updated, ...Object.values(models).map(({ updated }) => updated));
}
