//! Will it fit? The test Ollama itself makes before a load, made before the call.

use crate::event::SignalName;
use crate::fleet::{Device, Host, Model};
use crate::names::{Millis, ModelName};

/// Weights take a little more in memory than on disk.
const WEIGHTS_OVERHEAD: f64 = 1.05;
/// Bytes for models that a host with a GPU is taken to have until something tells: what a usual card has.
const USUAL_GPU_BYTES: f64 = 24e9;
/// Bytes for models that a host without a GPU is taken to have until something tells: what a usual machine has.
const USUAL_BYTES: f64 = 32e9;
/// A host is taken to have at least this many times the size of its largest model: people install models that they can load.
const BEYOND_LARGEST: f64 = 1.25;

impl Host {
    /// Bytes that models may take on this host, loaded ones included, as its owner or a metric tells; `None` where nobody does.
    /// Main memory does not bind what a GPU holds. A model that needs more has no place here.
    pub(crate) fn told_memory(&self, now: Millis, stale_ms: u64) -> Option<f64> {
        let owned = self.config.memory_gb.map(|gigabytes| gigabytes * 1e9);
        if self.device == Device::Gpu {
            return owned;
        }
        let fresh = |signal| self.signals.fresh(now, stale_ms, signal);
        let free =
            fresh(SignalName::MemoryAvailableBytes).map(|available| available + self.resident_bytes() as f64);
        let container = fresh(SignalName::ContainerMemoryLimitBytes).filter(|limit| *limit > 0.0);
        [free, container, owned].into_iter().flatten().reduce(f64::min)
    }

    /// Bytes beyond which a load pushes others out: what is told, else what is supposed.
    pub(crate) fn memory_bound(&self, now: Millis, stale_ms: u64) -> f64 {
        self.told_memory(now, stale_ms).unwrap_or_else(|| self.supposed_memory(now))
    }

    /// Bytes beyond which a load is expected to push others out, where nobody tells: what the sets tell that were loaded together,
    /// else what is usual. Always finite.
    pub(crate) fn supposed_memory(&self, now: Millis) -> f64 {
        self.room.bytes(now, self.usual_memory())
    }

    /// Whether a look after a load of this model may tell how much memory there is: others are there, or were.
    pub(crate) fn load_tells_memory(&self, now: Millis, stale_ms: u64, loaded: &ModelName) -> bool {
        let mut others = self.models.values().filter(|model| model.name != *loaded);
        self.told_memory(now, stale_ms).is_none() && others.any(|model| model.last_resident.is_some())
    }

    fn usual_memory(&self) -> f64 {
        let usual = if self.device == Device::Gpu { USUAL_GPU_BYTES } else { USUAL_BYTES };
        let largest = self.models.values().map(|model| self.needed_bytes(model, 0)).fold(0.0, f64::max);
        usual.max(BEYOND_LARGEST * largest)
    }

    /// Bytes a load takes: what was seen when it was loaded last, else weights × 1.05; + slots × context beyond × KV bytes a
    /// token.
    pub(crate) fn needed_bytes(&self, model: &Model, context_tokens: u32) -> f64 {
        let kv = model.details.as_ref().and_then(|details| details.kv_bytes_per_token).unwrap_or(0.0);
        let (bytes, counted) = match model.seen_bytes {
            Some((bytes, context)) => (bytes as f64, context.unwrap_or(0)),
            None => (model.bytes() * WEIGHTS_OVERHEAD, 0),
        };
        bytes + f64::from(self.known_slots()) * f64::from(context_tokens.saturating_sub(counted)) * kv
    }
}
