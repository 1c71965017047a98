//! Seconds until a model is loaded.

use crate::fleet::{Host, Model};

/// Bytes a second a modest disk gives, before anything is learned.
const PRIOR_LOAD_BYTES_PER_S: f64 = 0.8e9;
/// What a load costs whatever the size: starting the runner.
const LOAD_START_S: f64 = 0.5;

/// 0.5 s + bytes ÷ the host's load rate.
pub(crate) fn load_s(host: &Host, model: &Model) -> f64 {
    let rate = host.load_rate.estimate(PRIOR_LOAD_BYTES_PER_S, 0.5);
    LOAD_START_S + model.bytes() / rate.max(1e6)
}

/// The bytes a second that a measured load tells of.
pub(crate) fn load_rate(model: &Model, seconds: f64) -> f64 {
    model.bytes() / (seconds - LOAD_START_S).max(0.05)
}
