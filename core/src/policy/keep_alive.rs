//! How long a model is worth keeping in memory. Ollama evicts the idle model with the shortest keep-alive first (0.30,
//! `server/sched.go`), so the length is also the order in which models make way.

use std::f64::consts::LN_2;

use crate::fleet::{DEFAULT_KEEP_ALIVE_S, Host, Model};
use crate::names::Millis;
use crate::policy::load::load_s;

/// Seconds that each doubling of a model's value adds to its keep-alive.
const DOUBLING_S: f64 = 30.0;
/// The value of a model, in seconds of loading per hour and gigabyte, from which its keep-alive grows.
const LEAST_VALUE: f64 = 0.1;

/// Seconds to keep a model after its last call: the host's own + weight × 30 × log₂(1 + value ÷ 0.1), where value = calls an
/// hour × seconds of load ÷ gigabytes (Greedy-Dual-Size-Frequency). `None` where that is the host's business alone: it keeps
/// nothing, or this model for ever; and where nobody knows what is the host's own, since less would shorten it. An owner who lets models
/// go sooner than Ollama does by itself wants the memory back: that is not made longer.
pub(crate) fn keep_alive_s(host: &Host, model: &Model, now: Millis, weight: f64) -> Option<u32> {
    let own_s = host.keep_alive_s().filter(|own_s| *own_s > 0)?;
    if weight <= 0.0 || model.pinned {
        return None;
    }
    if own_s < DEFAULT_KEEP_ALIVE_S {
        return host.config.keep_alive_s;
    }
    let value = value_per_gb(host, model, now);
    Some(own_s + (weight * DOUBLING_S * libm::log(1.0 + value / LEAST_VALUE) / LN_2) as u32)
}

/// What a model in memory is worth: calls an hour × seconds of load ÷ gigabytes.
pub(crate) fn value_per_gb(host: &Host, model: &Model, now: Millis) -> f64 {
    let calls_per_hour = model.demand.per_s(now) * 3_600.0;
    calls_per_hour * load_s(host, model, now) / (host.needed_bytes(model, 0) / 1e9).max(0.01)
}
