//! One request, measured from its arrival to its end.

use std::sync::Arc;
use std::time::Instant;

use smart_ai_core::{Arm, Usage};

use super::dialect::Operation;
use super::metrics::{Measured, Metrics};

/// A request under way. Dropped before its end, it counts as cancelled.
#[derive(Debug)]
pub(super) struct Measure {
    metrics: Arc<Metrics>,
    arrived: Instant,
    ended: bool,
    pub(super) so_far: Measured,
}

impl Measure {
    pub(super) fn new(
        metrics: Arc<Metrics>,
        operation: Operation,
        client: &'static str,
        model: &str,
    ) -> Self {
        let so_far = Measured {
            operation,
            client,
            arm: Arm { host: "".into(), model: model.into() },
            status: "cancelled",
            error_type: "cancelled".to_owned(),
            total_s: 0.0,
            first_s: None,
            queue_s: 0.0,
            usage: Usage::default(),
            num_ctx: None,
            unloads: false,
        };
        Self { metrics, arrived: Instant::now(), ended: false, so_far }
    }

    /// The first piece goes out.
    pub(super) fn first(&mut self) {
        let since = self.arrived.elapsed().as_secs_f64();
        self.so_far.first_s.get_or_insert(since);
    }

    pub(super) fn succeeded(&mut self, usage: Usage) {
        self.so_far.usage = usage;
        self.end("success", "");
    }

    pub(super) fn failed(&mut self, error_type: &str) {
        self.end(if error_type == "cancelled" { "cancelled" } else { "error" }, error_type);
    }

    fn end(&mut self, status: &'static str, error_type: &str) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.so_far.total_s = self.arrived.elapsed().as_secs_f64();
        self.so_far.status = status;
        error_type.clone_into(&mut self.so_far.error_type);
        self.metrics.request_ended(&self.so_far);
    }
}

impl Drop for Measure {
    fn drop(&mut self) {
        self.end("cancelled", "cancelled");
    }
}
