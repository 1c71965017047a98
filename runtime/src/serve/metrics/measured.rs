//! A request as its metrics count it.

use smart_ai_core::{Arm, Usage};

use crate::serve::dialect::Operation;

/// Milliseconds below which a load counts as none: the model was in memory.
const TELLING_LOAD_MS: f64 = 50.0;

/// A request as it ended.
#[derive(Clone, Debug)]
pub(in crate::serve) struct Measured {
    pub(in crate::serve) operation: Operation,
    pub(in crate::serve) client: &'static str,
    /// Empty names where it ended before it had one.
    pub(in crate::serve) arm: Arm,
    pub(in crate::serve) status: &'static str,
    pub(in crate::serve) error_type: String,
    pub(in crate::serve) total_s: f64,
    /// To the first piece, where it shows.
    pub(in crate::serve) first_s: Option<f64>,
    /// To the call of the host that answered.
    pub(in crate::serve) queue_s: f64,
    pub(in crate::serve) usage: Usage,
    /// Context the client asked for.
    pub(in crate::serve) num_ctx: Option<u64>,
    /// Whether the model is to leave memory after it.
    pub(in crate::serve) unloads: bool,
}

impl Measured {
    /// Whether the model had to be loaded.
    pub(in crate::serve) fn is_cold(&self) -> bool {
        self.usage.load_ms >= TELLING_LOAD_MS
    }
}
