//! A host that has become faster or slower for good shows in a run of surprises.

use serde::{Deserialize, Serialize};

/// Weight that the sum of surprises keeps at each new one.
const KEPT: f64 = 0.6;
/// The sum of surprises, in natural logarithms, beyond which the host has changed: chance does not explain so much.
const ALARM: f64 = 0.9;
/// The share of the last surprise by which the beliefs then move.
const BELIEVED: f64 = 0.8;

/// Cumulative sum of surprises, `C ← 0.6 C + ln(observed ÷ expected)`: beyond ±0.9 the host has changed.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The faded sum, in natural logarithms.
    pub sum_ln: f64,
}

impl Change {
    /// Takes in one surprise; gives the logarithm of the factor to move beliefs by, when it is one too many.
    pub fn observe(&mut self, surprise_ln: f64) -> Option<f64> {
        if !surprise_ln.is_finite() {
            return None;
        }
        self.sum_ln = KEPT * self.sum_ln + surprise_ln;
        if self.sum_ln.abs() <= ALARM {
            return None;
        }
        self.sum_ln = 0.0;
        Some(BELIEVED * surprise_ln)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_change_is_seen_within_a_few_observations_and_noise_is_not() {
        let mut change = Change::default();
        let noise = [0.2, -0.1, 0.15, -0.25, 0.1, 0.2, -0.2];
        assert!(noise.iter().all(|surprise| change.observe(*surprise).is_none()));
        let slower = libm::log(0.5);
        let seen = (0..4).find_map(|_| change.observe(slower));
        assert!(seen.is_some_and(|by| by < -0.3), "{seen:?}");
        assert_eq!(change.observe(f64::NAN), None);
    }
}
