//! Will it fit? The test Ollama itself makes before a load, made before the call.

use crate::event::SignalName;
use crate::fleet::{Host, Model};
use crate::names::Millis;

/// Ollama loads a model beside others only into this share of what is free (0.30, `server/sched.go`).
const USABLE_SHARE: f64 = 0.8;
/// Weights take a little more in memory than on disk.
const WEIGHTS_OVERHEAD: f64 = 1.05;

/// Bytes a load needs and bytes it may take.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Memory {
    pub(crate) needed_bytes: f64,
    pub(crate) usable_bytes: f64,
}

impl Memory {
    /// For a model on a host with this context; `None` where nothing tells the host's memory.
    ///
    /// needed = weights × 1.05 + slots × context × KV bytes a token; usable = 80 % of (available + what could be evicted).
    pub(crate) fn of(
        host: &Host,
        model: &Model,
        context_tokens: u32,
        now: Millis,
        stale_ms: u64,
    ) -> Option<Self> {
        let fresh = |signal| host.signals.fresh(now, stale_ms, signal);
        let free =
            fresh(SignalName::MemoryAvailableBytes).map(|available| available + host.resident_bytes() as f64);
        let container = fresh(SignalName::ContainerMemoryLimitBytes).filter(|limit| *limit > 0.0);
        let owned = host.config.memory_gb.map(|gigabytes| gigabytes * 1e9);
        let bound = [free, container, owned].into_iter().flatten().reduce(f64::min)?;
        // On a GPU main memory is not what binds.
        if host.uses_gpu() {
            return None;
        }
        let kv = model.details.as_ref().and_then(|details| details.kv_bytes_per_token).unwrap_or(0.0);
        let slots = f64::from(host.config.parallel);
        Some(Self {
            needed_bytes: model.bytes() * WEIGHTS_OVERHEAD + slots * f64::from(context_tokens) * kv,
            usable_bytes: bound * USABLE_SHARE,
        })
    }

    pub(crate) fn fits(&self) -> bool {
        self.needed_bytes <= self.usable_bytes
    }
}
