//! What all jobs together may spend, as token buckets: further calls, to which each job adds tokens, and futures to look ahead with,
//! to which time adds.

use crate::names::Millis;

/// Retry budget: tokens that each job adds. One further attempt for every five jobs.
pub(super) const RETRIES_PER_JOB: f64 = 0.2;
/// Retry budget: tokens that are saved at most. This many jobs may fall back at once.
pub(super) const RETRY_BURST: f64 = 20.0;
/// Hedge budget: tokens that each job adds. One hedge for every twenty jobs.
pub(super) const HEDGES_PER_JOB: f64 = 0.05;
/// Hedge budget: tokens that are saved at most.
pub(super) const HEDGE_BURST: f64 = 5.0;
/// Futures that are played each second, at most. With 32 jobs at once on three hosts one takes about 0.1 ms natively.
const FUTURES_PER_S: f64 = 2_000.0;
/// Futures that are saved at most: a burst of jobs plays this many, then the score alone decides for a while.
const FUTURE_BURST: f64 = 2_000.0;

/// Futures that may be played at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Futures {
    left: f64,
    at: Millis,
}

impl Futures {
    pub(super) fn new() -> Self {
        Self { left: FUTURE_BURST, at: Millis(0) }
    }

    pub(super) fn refill(&mut self, now: Millis) {
        *self = self.at(now);
    }

    /// What there will be at this time.
    pub(super) fn at(self, now: Millis) -> Self {
        let added = now.since(self.at) as f64 / 1e3 * FUTURES_PER_S;
        Self { left: (self.left + added).min(FUTURE_BURST), at: now }
    }

    pub(super) fn any_left(self) -> bool {
        self.left > 0.0
    }

    pub(super) fn spend(&mut self, played: u32) {
        self.left -= f64::from(played);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn futures_run_out_and_come_back_with_time() {
        let mut futures = Futures::new();
        futures.spend(2_001);
        assert!(!futures.any_left());
        futures.refill(Millis(1));
        assert!(futures.any_left());
        futures.refill(Millis(60_000));
        futures.spend(2_000);
        assert!(!futures.any_left(), "no more than a burst is saved");
    }
}
