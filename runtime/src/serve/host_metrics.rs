//! What a host tells of itself at `/metrics`: servers of llama.cpp do, and Ollama is about to. A host without it is asked seldom.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use smart_ai_core::HostId;
use smart_ai_core::wire::Reply;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::http::{ONE_LOOK, Server, look};

/// How long until a host that had no metrics is asked again.
const ABSENT_EVERY: Duration = Duration::from_secs(60);

/// What is taken over: a server's name, and ours. Series that differ in labels are one sum, so that no host makes series.
const KNOWN: [(&str, &str); 9] = [
    ("llamacpp:requests_processing", "ollama_native_requests_running"),
    ("llamacpp:requests_deferred", "ollama_native_requests_queued"),
    ("ollama_requests_queued", "ollama_native_requests_queued"),
    ("ollama_queue_capacity", "ollama_native_queue_capacity"),
    ("ollama_peak_memory_bytes", "ollama_native_peak_memory_bytes"),
    ("llamacpp:prompt_tokens_total", "ollama_native_prompt_tokens"),
    ("ollama_prompt_eval_total", "ollama_native_prompt_tokens"),
    ("llamacpp:tokens_predicted_total", "ollama_native_generated_tokens"),
    ("ollama_eval_total", "ollama_native_generated_tokens"),
];

/// Our names and their values.
type Values = BTreeMap<&'static str, f64>;

/// The metrics of every host that has some.
#[derive(Debug, Default)]
pub(super) struct HostMetrics(RwLock<BTreeMap<HostId, Values>>);

impl HostMetrics {
    /// One metric, by host.
    pub(super) fn values(&self, name: &str) -> Vec<(HostId, f64)> {
        let hosts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        hosts.iter().filter_map(|(host, values)| Some((host.clone(), *values.get(name)?))).collect()
    }

    /// The hosts that have any.
    pub(super) fn hosts(&self) -> Vec<HostId> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Takes in what a host answered; whether it has any.
    fn take(&self, host: &HostId, reply: &Reply) -> bool {
        let values = reply.body().map(read).unwrap_or_default();
        let mut hosts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if values.is_empty() {
            hosts.remove(host);
            return false;
        }
        hosts.insert(host.clone(), values);
        true
    }
}

/// Asks every host now and then.
pub(super) async fn watch(hosts: &BTreeMap<HostId, Server>, metrics: &Arc<HostMetrics>, every: Duration) {
    let mut asking = JoinSet::new();
    for (host, server) in hosts.clone() {
        let metrics = Arc::clone(metrics);
        asking.spawn(async move {
            loop {
                let began = Instant::now();
                let has = metrics.take(&host, &look(server.get("/metrics"), ONE_LOOK).await);
                tokio::time::sleep_until(began + if has { every } else { every.max(ABSENT_EVERY) }).await;
            }
        });
    }
    while asking.join_next().await.is_some() {}
}

/// The metrics we know in Prometheus's text; of anything else, nothing.
fn read(text: &str) -> Values {
    let mut values = Values::new();
    for (ours, value) in text.lines().filter_map(sample) {
        *values.entry(ours).or_default() += value;
    }
    values
}

/// Our name for a line's metric, and its value.
fn sample(line: &str) -> Option<(&'static str, f64)> {
    let end = line.find(['{', ' ', '\t'])?;
    let (name, rest) = line.split_at_checked(end)?;
    let (_, ours) = KNOWN.iter().find(|(theirs, _)| *theirs == name)?;
    let value = after_labels(rest)?.split_ascii_whitespace().next()?;
    let value: f64 = value.parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some((ours, value))
}

/// What follows `{…}`, where there is one: a brace within quotes ends nothing.
fn after_labels(rest: &str) -> Option<&str> {
    let Some(labels) = rest.strip_prefix('{') else { return Some(rest) };
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in labels.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return labels.get(at + 1..),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, ours: &str) -> Option<f64> {
        read(text).get(ours).copied()
    }

    #[test]
    fn series_of_several_models_are_one_sum() {
        let text = "# HELP ollama_eval_total The number of token evaluated.\n# TYPE ollama_eval_total counter\n\
                    ollama_eval_total{model=\"a\",reason=\"stop\"} 103\nollama_eval_total{model=\"b {\\\"}\",reason=\"}\"} 7 1700000000000\n\
                    llamacpp:requests_deferred 2\nllamacpp:prompt_tokens_seconds 812.5\n";
        assert_eq!(value(text, "ollama_native_generated_tokens"), Some(110.0));
        assert_eq!(value(text, "ollama_native_requests_queued"), Some(2.0));
        assert_eq!(read(text).len(), 2);
    }

    #[test]
    fn what_is_no_number_or_no_metric_counts_for_nothing() {
        let lines = [
            "ollama_eval_total NaN",
            "ollama_eval_total +Inf",
            "ollama_eval_total -5",
            "ollama_eval_total",
            "ollama_eval_total ",
            "ollama_eval_total{model=\"a\" 5",
            "ollama_eval_total{model=\"\\",
            "ollama_eval_total{} {} 5",
            "ollama_eval_total_more 5",
            " ollama_eval_total 5",
            "ollama_eval_total\u{a0}5",
            "<html><body>ollama_eval_total 5</body></html>",
            "{\"error\":\"not found\"}",
            "é{ü} 5",
        ];
        for line in lines {
            assert_eq!(read(line), Values::new(), "{line}");
        }
    }

    #[test]
    fn endless_text_makes_no_series() {
        let long = format!("ollama_queue_capacity{{model=\"{}\"}} 512\n", "x".repeat(1 << 20));
        let line = |number| format!("ollama_requests_queued{{model=\"{number}\"}} 1\nmade_up_{number} 1\n");
        let text = (0..50_000).map(line).fold(long, |text, line| text + &line);
        assert_eq!(value(&text, "ollama_native_requests_queued"), Some(50_000.0));
        assert_eq!(read(&text).len(), 2);
    }
}
