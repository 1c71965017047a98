//! What each idea of the decision weighs. The defaults are measured (`bench/`); other values are for experiments.

use crate::config::{ConfigError, Range, all_within};
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

/// Weights of the score's terms and switches of its ideas; zero or false leaves one out.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(default, deny_unknown_fields)]
pub struct Tuning {
    /// Weight of the load term in the score.
    pub load: f64,
    /// Weight of the work ahead in the arm's own runner.
    pub queue: f64,
    /// Weight of the time lost to other runners.
    pub interference: f64,
    /// Weight of the lateness of a host's calls.
    pub overdue: f64,
    /// Whether a run of surprises moves every rate of its host.
    pub change: bool,
    /// Weight of the delay caused to others.
    pub harm: f64,
    /// Weight of the loads caused by pushing models out.
    pub reload: f64,
    /// Weight of the risk of failing.
    pub risk: f64,
    /// Weight of what may be learned from a little known arm.
    pub optimism: f64,
    /// Whether a job waits here, not in a busy runner's queue, until its arm is free.
    pub hold: bool,
    /// How readily a job waits while other models keep its host busy: where that costs all jobs less than this share of what
    /// running beside them would.
    pub turns: f64,
    /// Share of the work of a job that waits which counts for those after it, while it may still go elsewhere.
    pub reserve: f64,
    /// Weight of what a model is worth in how long a call keeps it in memory; zero leaves that to the host.
    pub keep_alive: f64,
    /// Seconds of work that a second of waiting makes up for in the order of the queue.
    pub age: f64,
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
        }
    }
}

/// The ranges of the weights.
const WEIGHTS: [Range<'_>; 12] = [
    ("load", 0.0, 10.0),
    ("queue", 0.0, 10.0),
    ("interference", 0.0, 10.0),
    ("overdue", 0.0, 10.0),
    ("harm", 0.0, 10.0),
    ("reload", 0.0, 10.0),
    ("risk", 0.0, 10.0),
    ("optimism", 0.0, 10.0),
    ("turns", 0.0, 10.0),
    ("reserve", 0.0, 1.0),
    ("keep_alive", 0.0, 10.0),
    ("age", 0.0, 10.0),
];

impl Tuning {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let weights = [
            self.load,
            self.queue,
            self.interference,
            self.overdue,
            self.harm,
            self.reload,
            self.risk,
            self.optimism,
            self.turns,
            self.reserve,
            self.keep_alive,
            self.age,
        ];
        all_within("tuning.", &WEIGHTS, &weights)
    }
}
