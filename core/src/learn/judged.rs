//! What was said of one model's answers to one kind of work.

use serde::{Deserialize, Serialize};

use crate::learn::log_mean::fading;
use crate::names::{Millis, ModelName};
use crate::request::Task;

/// Half of a judgement's weight is gone after a week.
const HALF_LIFE_MS: f64 = 7.0 * 86_400_000.0;

/// Fading sums of good and bad judgements of one model's answers to one kind of work (a Beta posterior's parameters
/// beyond its prior).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// Whose answers.
    pub model: ModelName,
    /// To what kind of work.
    pub task: Task,
    /// Weight of the good.
    pub good: f64,
    /// Weight of the bad.
    pub bad: f64,
    /// When it last learned.
    pub updated: Millis,
}

impl Judged {
    /// Adds what `other` heard since `base`; both are about one model and one kind of work. Each judgement counts once.
    pub(crate) fn unite(&mut self, base: Option<&Self>, other: &Self) {
        let at = self.updated.max(other.updated);
        let of = |judged: &Self| (judged.good * judged.kept(at), judged.bad * judged.kept(at));
        let (own, before, after) = (of(self), base.map_or((0.0, 0.0), of), of(other));
        self.good = (own.0 + after.0 - before.0).max(0.0);
        self.bad = (own.1 + after.1 - before.1).max(0.0);
        self.updated = at;
    }

    /// The share of its weight that is left.
    pub(crate) fn kept(&self, now: Millis) -> f64 {
        fading(now.since(self.updated), HALF_LIFE_MS)
    }
}
