// Quantiles, groups and random draws, one definition for every benchmark: d3's.
import { randomExponential, randomLcg } from 'd3-random';

export { group, mean, median, quantile } from 'd3-array';

/** Numbers from 0 to 1, the same sequence for the same `seed` (a whole number). */
export const uniform = (seed) => randomLcg(seed);

/** Gaps of a Poisson process: exponential with this mean, in its unit; the same sequence for the same `seed`. */
export const gaps = (mean, seed) => randomExponential.source(randomLcg(seed))(1 / mean);
