// A real part that cannot be had here: tests skip and say so, or fail where every part is required.

/** True where a missing part is a failure (REQUIRE_REAL=1). */
export const everyPartRequired = process.env.REQUIRE_REAL === '1';

/** Thrown by a part's `install()` when this machine cannot have it. */
export class MissingPart extends Error {
	/** @param {string} part what is needed; @param {string} why what stands in the way, and the way round it */
	constructor(part, why) {
		super(`skipped: needs ${part} (${why})`);
		this.name = 'MissingPart';
		this.part = part;
		this.why = why;
	}
}
