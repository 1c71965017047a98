//! What each idea of the decision weighs. The defaults are measured (`bench/`); other values are for experiments.

use crate::range::{ConfigError, Range};
use serde::{Deserialize, Serialize};

/// Whether contested choices are played through before they are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(rename_all = "lowercase")]
pub enum LookAhead {
    /// The score alone decides.
    Off,
    /// Where a choice is contested, sampled futures may overrule the score.
    #[default]
    Auto,
}

/// How much each idea counts in the decision. A score is a sum of seconds; most weights multiply one of its terms: 1 counts it as it
/// is predicted, 0 leaves it out, 2 avoids it twice as much. The defaults are measured; change one at a time, and watch
/// `smart-ai report`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(default, deny_unknown_fields)]
pub struct Tuning {
    /// Weight of the seconds until the model is loaded. Raise it to prefer models that are loaded already.
    pub load: f64,
    /// Weight of the seconds that other requests to the same model on the same host take first. Raise it to spread requests over
    /// hosts.
    pub queue: f64,
    /// Weight of the seconds lost because other models work on the same host. Raise it to keep hosts with one busy model to
    /// themselves.
    pub interference: f64,
    /// How much a host is avoided whose running requests take longer than predicted. 0 trusts the predictions.
    pub overdue: f64,
    /// Whether several surprises in a row make a host's learned speeds move at once, for instance after a driver update. `false`
    /// lets them move only slowly.
    pub change: bool,
    /// Weight of the seconds that other requests lose because of this one. 0 makes each request choose for itself alone.
    pub harm: f64,
    /// Weight of the seconds of loading again what this request pushes out of memory. Raise it where models change too often.
    pub reload: f64,
    /// Weight of the seconds that a failure would cost, by how often the host and the model have failed.
    pub risk: f64,
    /// Bonus, in shares of a request's work, for models that were tried seldom: raise it to try more, 0 never tries for the sake
    /// of learning.
    pub optimism: f64,
    /// Whether a request waits in Smart AI until its model is free, so that it can still go elsewhere. `false` sends it at once into the
    /// host's own queue.
    pub hold: bool,
    /// How readily a request waits until other models of its host are done instead of running beside them: it waits where that costs
    /// all requests together less than this share of the cost of running beside them. 0 never waits; 1 waits wherever that is cheaper.
    pub turns: f64,
    /// Share of a waiting request's work that is counted against the host it waits for, from 0 to 1. It may still go elsewhere: 0 counts
    /// nothing of it, 1 all.
    pub reserve: f64,
    /// Weight of a model's worth in how long it is kept in memory after a request. 0 leaves that to the host's own setting.
    pub keep_alive: f64,
    /// The order of waiting requests: how many seconds of work one second of waiting makes up for. 0 answers the shortest first,
    /// however long others wait; large values answer the oldest first.
    pub age: f64,
    /// When a request goes ahead of others in the queue: once it has waited this many times as long as it takes on an idle fleet, and
    /// they a smaller multiple of theirs. 0 leaves the order to `age` alone.
    pub slowdown: f64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            load: 1.0,
            queue: 1.0,
            interference: 1.0,
            overdue: 1.0,
            change: true,
            harm: 1.0,
            reload: 0.4,
            risk: 1.0,
            optimism: 0.0,
            hold: true,
            turns: 0.7,
            reserve: 0.5,
            keep_alive: 1.0,
            age: 0.3,
            slowdown: 3.0,
        }
    }
}

/// The ranges of the weights.
const WEIGHTS: &[Range<Tuning>] = &[
    Range::of("load", 0.0, 10.0, |tuning| Some(tuning.load)),
    Range::of("queue", 0.0, 10.0, |tuning| Some(tuning.queue)),
    Range::of("interference", 0.0, 10.0, |tuning| Some(tuning.interference)),
    Range::of("overdue", 0.0, 10.0, |tuning| Some(tuning.overdue)),
    Range::of("harm", 0.0, 10.0, |tuning| Some(tuning.harm)),
    Range::of("reload", 0.0, 10.0, |tuning| Some(tuning.reload)),
    Range::of("risk", 0.0, 10.0, |tuning| Some(tuning.risk)),
    Range::of("optimism", 0.0, 10.0, |tuning| Some(tuning.optimism)),
    Range::of("turns", 0.0, 10.0, |tuning| Some(tuning.turns)),
    Range::of("reserve", 0.0, 1.0, |tuning| Some(tuning.reserve)),
    Range::of("keep_alive", 0.0, 10.0, |tuning| Some(tuning.keep_alive)),
    Range::of("age", 0.0, 10.0, |tuning| Some(tuning.age)),
    Range::of("slowdown", 0.0, 1000.0, |tuning| Some(tuning.slowdown)),
];

impl Tuning {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        WEIGHTS.iter().try_for_each(|range| range.check("tuning.", self))
    }

    pub(crate) fn ranges() -> impl Iterator<Item = (String, f64, f64)> {
        WEIGHTS.iter().map(|range| (format!("tuning.{}", range.key), range.low, range.high))
    }
}
