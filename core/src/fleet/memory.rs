//! Will it fit? The test Ollama itself makes before a load, made before the call.

use crate::event::SignalName;
use crate::fleet::{Host, Model};
use crate::names::Millis;

/// Weights take a little more in memory than on disk.
const WEIGHTS_OVERHEAD: f64 = 1.05;

impl Host {
    /// Bytes that models may take on this host, loaded ones included; `None` where nothing tells, or where a GPU's memory
    /// is what binds.
    pub(crate) fn memory_bound(&self, now: Millis, stale_ms: u64) -> Option<f64> {
        let fresh = |signal| self.signals.fresh(now, stale_ms, signal);
        let free =
            fresh(SignalName::MemoryAvailableBytes).map(|available| available + self.resident_bytes() as f64);
        let container = fresh(SignalName::ContainerMemoryLimitBytes).filter(|limit| *limit > 0.0);
        let owned = self.config.memory_gb.map(|gigabytes| gigabytes * 1e9);
        let bound = [free, container, owned].into_iter().flatten().reduce(f64::min)?;
        (!self.uses_gpu()).then_some(bound)
    }

    /// Bytes a load takes: what was seen when it was loaded last, else weights × 1.05; + slots × context beyond × KV bytes a
    /// token.
    pub(crate) fn needed_bytes(&self, model: &Model, context_tokens: u32) -> f64 {
        let kv = model.details.as_ref().and_then(|details| details.kv_bytes_per_token).unwrap_or(0.0);
        let (bytes, counted) = match model.seen_bytes {
            Some((bytes, context)) => (bytes as f64, context.unwrap_or(0)),
            None => (model.bytes() * WEIGHTS_OVERHEAD, 0),
        };
        bytes + f64::from(self.config.parallel) * f64::from(context_tokens.saturating_sub(counted)) * kv
    }
}
