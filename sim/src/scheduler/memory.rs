//! What fits beside what is loaded, as Ollama predicts it before a load.

use serde::{Deserialize, Serialize};

/// Dimensions of a model that decide how much its key-value cache takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dimensions {
    /// Number of transformer blocks.
    pub layers: u64,
    /// Attention heads.
    pub heads: u64,
    /// Heads that keep keys and values (grouped-query attention has fewer).
    pub kv_heads: u64,
    /// Width of the hidden state.
    pub embedding: u64,
}

impl Dimensions {
    /// Bytes that one token of context takes in a 16-bit key-value cache.
    pub fn kv_bytes_per_token(&self) -> u64 {
        let head_width = self.embedding / self.heads.max(1);
        2 * self.layers * self.kv_heads * head_width * 2
    }
}

/// Bytes a runner takes: weights plus key-value cache of all its slots.
/// Source: `PredictServerVRAM` of Ollama's `server/sched.go` (0.30 and later).
pub fn predicted_bytes(weights: u64, dimensions: &Dimensions, num_ctx: u64, slots: u64) -> u64 {
    weights
        .saturating_add(dimensions.kv_bytes_per_token().saturating_mul(num_ctx).saturating_mul(slots.max(1)))
}

/// Memory of a host and the share of the free part that a further model may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// Bytes in total; `None` means that memory never binds.
    pub total: Option<u64>,
    /// A model beside others must fit in this share of what is free (Ollama: 0.8).
    pub fit: f64,
}

impl Memory {
    /// Whether `need` bytes may be loaded beside `used` bytes.
    pub fn fits_beside(&self, used: u64, need: u64) -> bool {
        self.total.is_none_or(|total| need as f64 <= total.saturating_sub(used) as f64 * self.fit)
    }

    /// Whether `need` bytes fit on the empty host at all.
    pub fn fits_alone(&self, need: u64) -> bool {
        self.total.is_none_or(|total| need <= total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_value_cache_grows_with_context_and_slots() {
        let llama8b = Dimensions { layers: 32, heads: 32, kv_heads: 8, embedding: 4096 };
        assert_eq!(llama8b.kv_bytes_per_token(), 131_072);
        assert_eq!(predicted_bytes(1000, &llama8b, 4096, 2), 1000 + 131_072 * 4096 * 2);
    }

    #[test]
    fn a_further_model_gets_a_share_of_what_is_free() {
        let memory = Memory { total: Some(1000), fit: 0.8 };
        assert!(memory.fits_beside(500, 400));
        assert!(!memory.fits_beside(500, 401));
        assert!(memory.fits_alone(1000));
        assert!(!memory.fits_alone(1001));
        assert!(Memory { total: None, fit: 0.8 }.fits_beside(u64::MAX, u64::MAX));
    }
}
