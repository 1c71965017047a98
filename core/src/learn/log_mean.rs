//! A mean of positive quantities on a log scale whose old observations fade.

use serde::{Deserialize, Serialize};

use crate::names::Millis;

/// Half of an observation's weight is gone after ten minutes of newer ones.
const HALF_LIFE_MS: f64 = 600_000.0;

/// Geometric mean with fading weights: rates and durations differ by factors, not by sums.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(deny_unknown_fields)]
pub struct LogMean {
    /// Observations it stands for, after fading.
    pub weight: f64,
    /// Mean of the natural logarithms.
    pub mean_ln: f64,
    /// When it last learned.
    pub updated: Millis,
}

impl LogMean {
    /// Takes in one observation. Anything but a positive finite number teaches nothing.
    pub fn observe(&mut self, now: Millis, value: f64) {
        if !value.is_finite() || value <= 0.0 {
            return;
        }
        let faded = self.weight * libm::exp2(-(now.since(self.updated) as f64) / HALF_LIFE_MS);
        self.weight = faded + 1.0;
        self.mean_ln += (libm::log(value) - self.mean_ln) / self.weight;
        self.updated = now;
    }

    /// The learned value, pulled toward `prior` as if that were `prior_weight` observations.
    pub fn estimate(&self, prior: f64, prior_weight: f64) -> f64 {
        if self.weight <= 0.0 || !self.mean_ln.is_finite() {
            return prior;
        }
        let sum = self.weight + prior_weight;
        libm::exp((self.weight * self.mean_ln + prior_weight * libm::log(prior)) / sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prior_rules_until_observations_come() {
        let mut mean = LogMean::default();
        assert!((mean.estimate(10.0, 0.5) - 10.0).abs() < 1e-9);
        for _ in 0..20 {
            mean.observe(Millis(1_000), 40.0);
        }
        assert!((mean.estimate(10.0, 0.5) / 40.0 - 1.0).abs() < 0.05);
    }

    #[test]
    fn old_observations_give_way_to_new_ones() {
        let mut mean = LogMean::default();
        for _ in 0..50 {
            mean.observe(Millis(0), 100.0);
        }
        let hour = Millis(3_600_000);
        for _ in 0..5 {
            mean.observe(hour, 25.0);
        }
        assert!(mean.estimate(1.0, 0.0) < 35.0, "{}", mean.estimate(1.0, 0.0));
    }

    #[test]
    fn absurd_observations_teach_nothing() {
        let mut mean = LogMean::default();
        for value in [f64::NAN, f64::INFINITY, -3.0, 0.0] {
            mean.observe(Millis(5), value);
        }
        assert_eq!(mean, LogMean::default());
    }
}
