//! What a host counted, for tests and benches.

use std::collections::BTreeMap;

use serde::Serialize;

/// Counts since the start of the host. Served by `GET /control/stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Requests by path.
    pub requests: BTreeMap<String, u64>,
    /// Loads begun.
    pub loads: u64,
    /// Loads given up because the client left.
    pub load_aborts: u64,
    /// Loads that failed.
    pub load_failures: u64,
    /// Runners unloaded to make room for another model.
    pub evictions: u64,
    /// Runners unloaded because a request wanted other load options.
    pub reloads: u64,
    /// Runners unloaded for any reason.
    pub unloads: u64,
    /// Requests refused with 503 because the queue was full.
    pub refused: u64,
    /// Requests that wait for a load or an eviction now.
    pub queued: usize,
    /// Requests that hold or wait for a model now.
    pub in_flight: u64,
    /// Requests whose client left before the end.
    pub aborted: u64,
    /// Requests that ended as they should.
    pub completed: u64,
    /// Models in memory now.
    pub loaded: Vec<String>,
    /// By model.
    pub models: BTreeMap<String, ModelStats>,
}

/// Counts of one model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ModelStats {
    /// Requests for it.
    pub requests: u64,
    /// Requests that hold or wait for it now.
    pub in_flight: u64,
    /// Most requests that were sent to it at once.
    pub max_in_flight: u64,
    /// Most requests that it worked on at once.
    pub max_active: u64,
    /// Output tokens it sent.
    pub output_tokens: u64,
}
