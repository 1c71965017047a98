//! What hosts tell of themselves, under our names.

use std::sync::Arc;

use super::family::{Reading, Readings, labels};
use crate::serve::host_metrics::HostMetrics;
use crate::serve::inventory::Inventory;

/// The gauges of every host that has metrics of its own.
#[derive(Debug)]
pub(super) struct HostOwn {
    pub(super) metrics: Arc<HostMetrics>,
    pub(super) inventory: Arc<Inventory>,
}

const SHOWN: [(&str, &str); 6] = [
    ("ollama_native_requests_running", "Requests the host says it works on"),
    ("ollama_native_requests_queued", "Requests the host says wait in it"),
    ("ollama_native_queue_capacity", "Requests the host says may wait"),
    ("ollama_native_peak_memory_bytes", "Most memory the host says it took"),
    ("ollama_native_prompt_tokens", "Tokens the host says it read since it started"),
    ("ollama_native_generated_tokens", "Tokens the host says it wrote since it started"),
];

impl Readings for HostOwn {
    fn read(&self) -> Vec<Reading> {
        let having = self.metrics.hosts();
        let up = |host| f64::from(u8::from(having.contains(host)));
        let per_host = |host: &str| labels([("host", host)]);
        let mut readings = vec![Reading {
            name: "ollama_native_metrics_up",
            help: "Whether the host has metrics of its own",
            values: self.inventory.hosts().keys().map(|host| (per_host(host.as_str()), up(host))).collect(),
        }];
        readings.extend(SHOWN.map(|(name, help)| {
            let values = self.metrics.values(name);
            let values = values.into_iter().map(|(host, value)| (per_host(host.as_str()), value)).collect();
            Reading { name, help, values }
        }));
        readings
    }
}
