//! How often an arm answers when called.

use crate::learn::log_mean::{ROUNDING, fading};
use crate::names::Millis;
use serde::{Deserialize, Serialize};

/// Milliseconds after which an observation counts half.
const HALF_LIFE_MS: f64 = 600_000.0;
/// Calls that an unknown arm counts as having answered: 19 of 20.
const PRIOR_SUCCESSES: f64 = 19.0;
/// Calls that an unknown arm counts as having failed: 1 of 20.
const PRIOR_FAILURES: f64 = 1.0;

/// Fading counts of answered and failed calls (a Beta posterior's parameters beyond its prior).
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(deny_unknown_fields)]
pub struct Reliability {
    /// Calls answered.
    pub successes: f64,
    /// Calls failed.
    pub failures: f64,
    /// When it last learned.
    pub updated: Millis,
}

impl Reliability {
    /// Takes in how a call ended.
    pub fn observe(&mut self, now: Millis, answered: bool) {
        let keep = self.kept(now);
        self.successes = self.successes * keep + f64::from(u8::from(answered));
        self.failures = self.failures * keep + f64::from(u8::from(!answered));
        self.updated = now;
    }

    /// Probability that the next call fails, 0 to 1.
    pub fn failure_probability(&self, now: Millis) -> f64 {
        let keep = self.kept(now);
        let failures = PRIOR_FAILURES + self.failures * keep;
        failures / (PRIOR_SUCCESSES + self.successes * keep + failures)
    }

    /// What this and `other` have seen together, where both began from `base`: each call counts once. Where `other` holds less than
    /// `base` it has begun anew: then it stands alone.
    #[must_use]
    pub fn united(self, base: Self, other: Self) -> Self {
        let at = self.updated.max(other.updated);
        let of = |counts: Self| {
            let keep = fading(at.since(counts.updated), HALF_LIFE_MS);
            (counts.successes * keep, counts.failures * keep)
        };
        let (own, before, after) = (of(self), of(base), of(other));
        let (successes, failures) = (after.0 - before.0, after.1 - before.1);
        if successes.min(failures) < -ROUNDING * (1.0 + before.0 + before.1) {
            return other;
        }
        Self { successes: (own.0 + successes).max(0.0), failures: (own.1 + failures).max(0.0), updated: at }
    }

    fn kept(&self, now: Millis) -> f64 {
        if self.successes == 0.0 && self.failures == 0.0 {
            return 1.0;
        }
        libm::exp(-core::f64::consts::LN_2 * now.since(self.updated) as f64 / HALF_LIFE_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_raise_the_risk_and_fade() {
        let mut reliability = Reliability::default();
        let fresh = reliability.failure_probability(Millis(0));
        for _ in 0..5 {
            reliability.observe(Millis(0), false);
        }
        let hurt = reliability.failure_probability(Millis(0));
        let healed = reliability.failure_probability(Millis(6 * 600_000));
        assert!(fresh < 0.06 && hurt > 0.2 && healed < 0.07, "{fresh} {hurt} {healed}");
    }
}
