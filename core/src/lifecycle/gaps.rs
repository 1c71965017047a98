//! How long a model stays unused between two uses: a histogram on a logarithmic scale, so that minutes and days both show.

use serde::{Deserialize, Serialize};

/// Bins of the histogram. The last one has no upper end.
const PLACES: usize = 41;
/// Upper end of the first bin, in seconds.
const FIRST_S: f64 = 4.0;
/// Bins for each doubling of the length.
const PER_DOUBLE: f64 = 3.0;
/// 2 to the power of 0, ⅓ and ⅔. Looked up, since an exponential for each bin would cost more than the rest of a decision.
const THIRDS: [f64; 3] = [1.0, 1.259_921_049_894_873_2, 1.587_401_051_968_199_4];
/// 2 to the power of −⅙: a bin's geometric middle ÷ its upper end.
const HALF_A_PLACE: f64 = 0.890_898_718_140_339_3;
/// Weight that older gaps keep at each new one: about the last 200 count.
const KEPT: f64 = 0.995;
/// Gaps after which the learned histogram decides how long a model is held.
const TELLING: f64 = 8.0;

/// Learned gaps of use of one model on one host, or of one host: how many there were of each length, after fading. Bin 0 holds gaps
/// of up to 4 s; the upper end of each next bin is 2^⅓ times longer.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", type = "number[]"))]
#[serde(from = "Vec<f32>", into = "Vec<f32>")]
pub struct Gaps {
    weights: [f32; PLACES],
}

impl Default for Gaps {
    fn default() -> Self {
        Self { weights: [0.0; PLACES] }
    }
}

impl From<Vec<f32>> for Gaps {
    fn from(kept: Vec<f32>) -> Self {
        let mut gaps = Self::default();
        for (weight, kept) in gaps.weights.iter_mut().zip(kept) {
            *weight = if kept.is_finite() { kept.max(0.0) } else { 0.0 };
        }
        gaps
    }
}

impl From<Gaps> for Vec<f32> {
    /// The bins up to the last one that holds any.
    fn from(gaps: Gaps) -> Self {
        let used = gaps.weights.iter().rposition(|weight| *weight > 0.0).map_or(0, |last| last + 1);
        gaps.weights.into_iter().take(used).collect()
    }
}

/// The upper end of a bin, in seconds: 4 × 2^(bin ÷ 3).
fn end_s(place: usize) -> f64 {
    let root = THIRDS.get(place % THIRDS.len()).copied().unwrap_or(1.0);
    FIRST_S * root * (1_u64 << (place / THIRDS.len())) as f64
}

/// Seconds that stand for all gaps of a bin: its geometric middle.
fn middle_s(place: usize) -> f64 {
    end_s(place) * HALF_A_PLACE
}

impl Gaps {
    /// Takes in one gap, in seconds.
    pub(crate) fn observe(&mut self, seconds: f64) {
        let place = libm::ceil(PER_DOUBLE * libm::log2((seconds / FIRST_S).max(1.0))) as usize;
        for weight in &mut self.weights {
            *weight *= KEPT as f32;
        }
        if let Some(weight) = self.weights.get_mut(place.min(PLACES - 1)) {
            *weight += 1.0;
        }
    }

    /// Adds what `other` has seen since `base`.
    pub(crate) fn united(mut self, base: Self, other: Self) -> Self {
        for (own, (base, other)) in self.weights.iter_mut().zip(base.weights.iter().zip(other.weights)) {
            *own = (*own + other - base).max(0.0);
        }
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.weights.iter().all(|weight| *weight <= 0.0)
    }

    /// Gaps it stands for, after fading.
    pub(crate) fn count(&self) -> f64 {
        self.weights.iter().map(|weight| f64::from(*weight)).sum()
    }

    /// Whether enough gaps are known to go by them.
    pub(crate) fn is_telling(&self) -> bool {
        self.count() >= TELLING * KEPT * KEPT
    }

    /// The gap that this share of all gaps does not exceed, in seconds; `None` where nothing is known.
    pub(crate) fn quantile_s(&self, share: f64) -> Option<f64> {
        let all = self.count();
        let mut left = share * all;
        for (place, weight) in self.weights.iter().enumerate() {
            left -= f64::from(*weight);
            if left <= 0.0 && all > 0.0 {
                return Some(end_s(place));
            }
        }
        None
    }

    /// How long to hold an idle model, in seconds, so that held memory and waits for loads cost least together. Tried is each upper end
    /// T of a bin; its cost is Σ min(gap, T) + break-even × share of gaps longer than T.
    pub(crate) fn cheapest_s(&self, break_even_s: f64) -> f64 {
        let all = self.count().max(1e-9);
        // Both sums run up to the bin whose end is tried.
        let (mut within, mut held) = (0.0, 0.0);
        let mut best = (break_even_s, 0.0);
        for (place, weight) in self.weights.iter().enumerate() {
            let weight = f64::from(*weight) / all;
            within += weight;
            held += weight * middle_s(place);
            let end = end_s(place);
            let cost = held + (1.0 - within).max(0.0) * (end + break_even_s);
            if cost < best.0 - 1e-9 {
                best = (cost, end);
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(gaps: &[(f64, usize)]) -> Gaps {
        let mut all = Gaps::default();
        for (seconds, times) in gaps {
            for _ in 0..*times {
                all.observe(*seconds);
            }
        }
        all
    }

    #[test]
    fn short_gaps_are_held_through_and_long_ones_are_not() {
        let sessions = seen(&[(40_000.0, 10), (20.0, 90)]);
        let hold = sessions.cheapest_s(120.0);
        assert!((20.0..=32.0).contains(&hold), "{hold}");
        assert!(seen(&[(4_000.0, 50)]).cheapest_s(120.0) <= 0.0, "no gap is worth it");
        let hold = seen(&[(100.0, 50)]).cheapest_s(120.0);
        assert!((100.0..130.0).contains(&hold), "{hold}");
    }

    #[test]
    fn what_two_programs_saw_counts_once_each_and_survives_as_a_list() {
        let before = seen(&[(20.0, 9)]);
        let (mut one, mut other) = (before, before);
        one.observe(40_000.0);
        other.observe(20.0);
        let both = before.united(before, one).united(before, other);
        assert!((both.count() - 11.0).abs() < 0.5 && both.quantile_s(1.0).is_some_and(|s| s > 30_000.0));
        assert_eq!(Gaps::from(Vec::from(both)), both);
        assert!(Vec::from(before).len() < 12 && Vec::from(Gaps::default()).is_empty());
    }

    #[test]
    fn a_quantile_is_where_its_share_ends() {
        let gaps = seen(&[(40_000.0, 5), (20.0, 95)]);
        assert!(gaps.quantile_s(0.5).is_some_and(|s| (20.0..=23.0).contains(&s)));
        assert!(gaps.quantile_s(0.999).is_some_and(|s| s >= 40_000.0));
        assert_eq!(Gaps::default().quantile_s(0.95), None);
        assert!(!seen(&[(5.0, 7)]).is_telling() && seen(&[(5.0, 9)]).is_telling());
    }
}
