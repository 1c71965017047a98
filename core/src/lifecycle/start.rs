//! What the owner says of a host that starts and stops.

use serde::{Deserialize, Serialize};

use crate::range::Range;

/// A host that may be started when it is needed. By what means, only the driver knows.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(default, deny_unknown_fields)]
pub struct StartConfig {
    /// Seconds from a start until the host answers, as long as no past start has shown it.
    #[cfg_attr(feature = "typescript", ts(as = "Option<f64>", optional))]
    pub start_s: f64,
    /// Seconds after which a start has failed if the host does not answer by then.
    #[cfg_attr(feature = "typescript", ts(as = "Option<u32>", optional))]
    pub ready_timeout_s: u32,
    /// Whether nobody but Smart AI uses this host, so that it may be stopped. If `false`, it is started but never stopped.
    #[cfg_attr(feature = "typescript", ts(as = "Option<bool>", optional))]
    pub exclusive: bool,
    /// Gigabytes that the host itself holds while it runs without any model: what its stop frees.
    #[cfg_attr(feature = "typescript", ts(as = "Option<f64>", optional))]
    pub idle_gb: f64,
    /// Seconds the host runs at least once it answers.
    #[cfg_attr(feature = "typescript", ts(as = "Option<u32>", optional))]
    pub min_up_s: u32,
}

impl Default for StartConfig {
    fn default() -> Self {
        Self { start_s: 10.0, ready_timeout_s: 120, exclusive: false, idle_gb: 0.5, min_up_s: 120 }
    }
}

/// The ranges of its numbers.
pub(crate) const START_RANGES: &[Range<StartConfig>] = &[
    Range::of("start_s", 0.1, 3_600.0, |start| Some(start.start_s)),
    Range::of("ready_timeout_s", 1.0, 3_600.0, |start| Some(start.ready_timeout_s.into())),
    Range::of("idle_gb", 0.01, 100_000.0, |start| Some(start.idle_gb)),
    Range::of("min_up_s", 0.0, 86_400.0, |start| Some(start.min_up_s.into())),
];
