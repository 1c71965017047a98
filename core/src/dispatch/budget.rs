//! How many further calls all jobs together may make: two token buckets. Each job adds tokens; each further call takes one.

/// Retry budget: tokens that each job adds. One further attempt for every five jobs.
pub(super) const RETRIES_PER_JOB: f64 = 0.2;
/// Retry budget: tokens that are saved at most, so that so many jobs may fall back at once.
pub(super) const RETRY_BURST: f64 = 20.0;
/// Hedge budget: tokens that each job adds. One hedge for every twenty jobs.
pub(super) const HEDGES_PER_JOB: f64 = 0.05;
/// Hedge budget: tokens that are saved at most.
pub(super) const HEDGE_BURST: f64 = 5.0;
