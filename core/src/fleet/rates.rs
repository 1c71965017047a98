//! How fast an arm reads and writes, and how fast a host loads.

use crate::learn::LogMean;

/// Bytes a second a modest disk gives, before anything is learned.
pub(crate) const PRIOR_LOAD_BYTES_PER_S: f64 = 0.8e9;

/// Tokens a second of one arm that has its host to itself.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Rates {
    pub(crate) prefill: f64,
    pub(crate) decode: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { prefill: 100.0, decode: 10.0 }
    }
}

/// Bytes a second of a load, from disk and from the system's cache, by what was learned.
pub(crate) fn load_rates(load: &LogMean, reload: &LogMean, typical: f64) -> (f64, f64) {
    let disk = load.estimate(PRIOR_LOAD_BYTES_PER_S * typical, 0.5).max(1e6);
    (disk, reload.estimate(disk, 1.0).max(1e6))
}
