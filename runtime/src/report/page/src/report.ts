// The numbers that the program put into the page.

export interface Group {
	name: string;
	jobs: number;
	answered: number;
	p50_s: number;
	p95_s: number;
	first_p50_s: number;
	output_tokens: number;
}

export interface Dot {
	predicted_s: number;
	actual_s: number;
	went: 'at once' | 'waited' | 'loaded its model';
	model: string;
}

export interface Policy {
	name: string;
	mean_s: number;
	p95_s: number;
	success: number;
	loads: number;
	resident_gb_hours: number;
	regret: number;
}

/** Jobs that have something in common, over time. */
export interface Course {
	name: string;
	slices: Slice[];
}

/** What was done by itself, of one kind; in a dry run only decided on. */
export interface Actions {
	action: 'unload' | 'prewarm' | 'prepare' | 'start' | 'stop';
	dry_run: boolean;
	done: number;
	failed: number;
	gb: number;
	why: string;
}

export type Slice = Group & { at_ms: number };

export interface Report {
	from_ms: number;
	to_ms: number;
	all: Group;
	arms: Group[];
	tasks: Group[];
	timeline: Slice[];
	model_courses: Course[];
	task_courses: Course[];
	calibration: { median_error: number; within_quarter: number; dots: Dot[] };
	fallbacks: { saved: number; mean_delay_s: number; causes: { word: string; jobs: number; saved: number }[] };
	/** `expected` and `saved`: of the named models' time, less than 0 where it takes longer. */
	rollout: null | {
		jobs: number;
		switched: number;
		expected: number;
		saved: number | null;
		named: string[];
	};
	/** `gb`: gigabytes freed or taken by those done, in all; `why`: the reason of the last. */
	lifecycle: Actions[];
	replay: null | {
		actual_mean_s: number;
		policies: Policy[];
		always_gb_hours: number;
		busy_gb_hours: number;
		scenario: { requests: number; hosts: { id: string }[]; models: { id: string; gb: number }[] };
	};
}
