//! What the owner says of models that nobody uses.

use serde::{Deserialize, Serialize};

use crate::lifecycle::rhythm::Expectation;
use crate::range::{ConfigError, Range};

/// Whether Smart AI unloads and loads models by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(rename_all = "kebab-case")]
pub enum LifecycleMode {
    /// It never acts.
    #[default]
    Off,
    /// It acts on nothing, but says what it would have done and what that would have saved.
    DryRun,
    /// It acts.
    On,
}

/// How models come and go.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(default, deny_unknown_fields)]
pub struct LifecycleConfig {
    /// Whether Smart AI acts by itself.
    #[cfg_attr(feature = "typescript", ts(as = "Option<LifecycleMode>", optional))]
    pub mode: LifecycleMode,
    /// What one second of a caller's waiting is worth, in gigabytes of memory held for a second. The higher, the longer idle models stay.
    #[cfg_attr(feature = "typescript", ts(as = "Option<f64>", optional))]
    pub wait_price: f64,
    /// Seconds a model stays at least once it is loaded.
    #[cfg_attr(feature = "typescript", ts(as = "Option<u32>", optional))]
    pub min_resident_s: u32,
    /// Seconds an idle model stays at most.
    #[cfg_attr(feature = "typescript", ts(as = "Option<u32>", optional))]
    pub max_idle_s: u32,
    /// Unloads, loads, starts and stops in any hour, at most. Loads that callers ask for do not count. Starts that callers wait for
    /// count, but are never held back.
    #[cfg_attr(feature = "typescript", ts(as = "Option<u32>", optional))]
    pub max_actions_per_hour: u32,
    /// Whether a model is loaded shortly before its next use. A use is expected if it comes back by the hour, the day or the week, or was
    /// seen once a day before and is worth the memory.
    #[cfg_attr(feature = "typescript", ts(as = "Option<bool>", optional))]
    pub prewarm: bool,
    /// Whether models are unloaded although a host's owner or another client wants them to stay longer (`OLLAMA_KEEP_ALIVE` above five
    /// minutes, or a `keep_alive` in a request, such as −1).
    #[cfg_attr(feature = "typescript", ts(as = "Option<bool>", optional))]
    pub override_keep_alive: bool,
}

impl Default for LifecycleConfig {
    fn default() -> Self {
        Self {
            mode: LifecycleMode::Off,
            wait_price: 160.0,
            min_resident_s: 30,
            max_idle_s: 3_600,
            max_actions_per_hour: 60,
            prewarm: true,
            override_keep_alive: false,
        }
    }
}

/// The ranges of its numbers.
const RANGES: &[Range<LifecycleConfig>] = &[
    Range::of("wait_price", 0.0, 1e6, |lifecycle| Some(lifecycle.wait_price)),
    Range::of("min_resident_s", 0.0, 86_400.0, |lifecycle| Some(lifecycle.min_resident_s.into())),
    Range::of("max_idle_s", 1.0, 31_536_000.0, |lifecycle| Some(lifecycle.max_idle_s.into())),
    Range::of("max_actions_per_hour", 0.0, 100_000.0, |lifecycle| {
        Some(lifecycle.max_actions_per_hour.into())
    }),
];

impl LifecycleConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        RANGES.iter().try_for_each(|range| range.check("lifecycle.", self))
    }

    /// Whether loading a model of `gb` gigabytes `lead_ms` before an expected use is worth its memory. The price is what it holds until
    /// then, or until it is given up if nobody comes; the gain is a wait of `load_s` seconds that is spared if somebody does.
    pub(crate) fn is_worth(&self, coming: &Expectation, lead_ms: u64, load_s: f64, gb: f64) -> bool {
        let in_vain_ms = (1.0 - coming.share) * coming.wait_ms as f64;
        let held_s = (lead_ms as f64 + in_vain_ms) / 1e3;
        coming.share >= 1.0 || coming.share * load_s * self.wait_price >= gb * held_s
    }

    pub(crate) fn ranges() -> impl Iterator<Item = (String, f64, f64)> {
        RANGES.iter().map(|range| (format!("lifecycle.{}", range.key), range.low, range.high))
    }
}
