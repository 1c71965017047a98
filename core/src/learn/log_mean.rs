//! A mean of positive quantities on a log scale whose old observations fade.

use crate::names::Millis;
use serde::{Deserialize, Serialize};

/// Half of an observation's weight is gone after ten minutes of newer ones.
const HALF_LIFE_MS: f64 = 600_000.0;
/// The share by which two weights must differ to count as different, so that rounding does not.
pub(crate) const ROUNDING: f64 = 1e-6;

/// Geometric mean and spread with fading weights: rates and durations differ by factors, not by sums.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(deny_unknown_fields)]
pub struct LogMean {
    /// Observations it stands for, after fading.
    pub weight: f64,
    /// Mean of the natural logarithms.
    pub mean_ln: f64,
    /// Variance of the natural logarithms.
    pub var_ln: f64,
    /// When it last learned.
    pub updated: Millis,
}

impl LogMean {
    /// Takes in one observation. Anything but a positive finite number teaches nothing.
    pub fn observe(&mut self, now: Millis, value: f64) {
        if !value.is_finite() || value <= 0.0 {
            return;
        }
        let ln = libm::log(value);
        self.weight = self.weight * fading(now.since(self.updated), HALF_LIFE_MS) + 1.0;
        let off = ln - self.mean_ln;
        self.mean_ln += off / self.weight;
        self.var_ln += (off * (ln - self.mean_ln) - self.var_ln) / self.weight;
        self.updated = now;
    }

    /// The learned value, pulled toward `prior` as if that were `prior_weight` observations.
    pub fn estimate(&self, prior: f64, prior_weight: f64) -> f64 {
        if self.weight <= 0.0 {
            return prior;
        }
        libm::exp(self.estimate_ln(libm::log(prior), prior_weight))
    }

    /// Its logarithm, from the prior's logarithm.
    pub fn estimate_ln(&self, prior_ln: f64, prior_weight: f64) -> f64 {
        if self.weight <= 0.0 || !self.mean_ln.is_finite() {
            return prior_ln;
        }
        (self.weight * self.mean_ln + prior_weight * prior_ln) / (self.weight + prior_weight)
    }

    /// Variance of the logarithm of one observation, pulled toward `prior`.
    pub fn spread(&self, prior: f64, prior_weight: f64) -> f64 {
        if self.weight <= 0.0 || !self.var_ln.is_finite() {
            return prior;
        }
        (self.weight * self.var_ln.max(0.0) + prior_weight * prior) / (self.weight + prior_weight)
    }

    /// What this and `other` have learned together, where both began from `base`: each observation counts once, as if one had
    /// seen them all. Where `other` holds less than `base` it has found that the world has changed: then it stands alone.
    #[must_use]
    pub fn united(self, base: Self, other: Self) -> Self {
        if other == base {
            return self;
        }
        if self.weight <= 0.0 && base.weight <= 0.0 {
            return other;
        }
        let at = self.updated.max(other.updated);
        // Sums of weight, value and square, faded to one moment, and counted from a mean so that little is lost by rounding.
        let origin = if base.weight > 0.0 { base.mean_ln } else { other.mean_ln };
        let sums = |mean: Self| {
            let weight = mean.weight.max(0.0) * fading(at.since(mean.updated), HALF_LIFE_MS);
            let off = mean.mean_ln - origin;
            [weight, weight * off, weight * (mean.var_ln + off * off)]
        };
        let [own, before, after] = [sums(self), sums(base), sums(other)];
        let [weight, value, square] = [0, 1, 2].map(|at| sum(after, at) - sum(before, at));
        let rounding = ROUNDING * (1.0 + sum(before, 0) + sum(after, 0));
        let is_less =
            weight < -rounding || weight * square - value * value < -rounding * (1.0 + sum(after, 0));
        let total = sum(own, 0) + weight;
        if is_less || total <= 0.0 || !total.is_finite() {
            return other;
        }
        let mean = (sum(own, 1) + value) / total;
        let var_ln = ((sum(own, 2) + square) / total - mean * mean).max(0.0);
        Self { weight: total, mean_ln: origin + mean, var_ln, updated: at }
    }

    /// The world has changed by this factor (its logarithm): what is remembered moves along and counts half.
    pub fn shift(&mut self, by_ln: f64) {
        if self.weight > 0.0 {
            self.mean_ln += by_ln;
            self.weight *= 0.5;
        }
    }
}

fn sum(sums: [f64; 3], at: usize) -> f64 {
    sums.get(at).copied().unwrap_or_default()
}

/// The share of an old weight that is left after a while.
pub(crate) fn fading(elapsed_ms: u64, half_life_ms: f64) -> f64 {
    libm::exp(-core::f64::consts::LN_2 * elapsed_ms as f64 / half_life_ms)
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
    fn the_spread_is_that_of_the_observations() {
        let mut mean = LogMean::default();
        for _ in 0..200 {
            mean.observe(Millis(0), 1.0);
            mean.observe(Millis(0), libm::exp(2.0));
        }
        assert!((mean.spread(0.1, 1.0) - 1.0).abs() < 0.02, "{}", mean.spread(0.1, 1.0));
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
