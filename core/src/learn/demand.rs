//! How often something is asked for: a fading count.

use crate::learn::log_mean::fading;
use crate::names::Millis;
use serde::{Deserialize, Serialize};

/// Half of a request's weight is gone after five minutes.
const HALF_LIFE_MS: f64 = 300_000.0;
/// The mean age of a fading count: half-life ÷ ln 2.
const MEMORY_S: f64 = HALF_LIFE_MS / 1e3 / core::f64::consts::LN_2;

/// A fading count of requests.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// Requests it stands for, after fading.
    pub count: f64,
    /// When the last one came.
    pub updated: Millis,
}

impl Demand {
    /// One more request.
    pub fn observe(&mut self, now: Millis) {
        self.count = self.left(now) + 1.0;
        self.updated = now;
    }

    fn left(&self, now: Millis) -> f64 {
        if self.count <= 0.0 { 0.0 } else { self.count * fading(now.since(self.updated), HALF_LIFE_MS) }
    }

    /// Requests a second. `since` is when counting began: a young count stands for less time.
    pub fn rate_per_s(&self, now: Millis, since: Millis) -> f64 {
        let age_s = now.since(since) as f64 / 1e3;
        let window_s = MEMORY_S * (1.0 - libm::exp(-age_s / MEMORY_S));
        self.left(now) / window_s.max(1.0)
    }

    /// Requests a second over the last minutes.
    pub fn per_s(&self, now: Millis) -> f64 {
        self.left(now) / MEMORY_S
    }

    /// Probability that one comes within `seconds`, if they come at random.
    pub fn soon(&self, now: Millis, seconds: f64) -> f64 {
        1.0 - libm::exp(-self.per_s(now) * seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_shows_its_rate_early_and_late() {
        let mut demand = Demand::default();
        for second in 0..3_600 {
            demand.observe(Millis(second * 1_000));
            if second == 60 || second == 3_599 {
                let rate = demand.rate_per_s(Millis(second * 1_000), Millis(0));
                assert!((rate - 1.0).abs() < 0.05, "{second}: {rate}");
            }
        }
        assert!(demand.soon(Millis(3_600_000), 5.0) > 0.95);
        assert!(demand.soon(Millis(3_600_000 + 7_200_000), 5.0) < 0.01);
    }
}
