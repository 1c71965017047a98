//! Which exporters the metrics server scrapes, by the metrics they alone have.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use smart_ai_core::wire::{Endpoint, Preset, Reply, presets};

use crate::http::{ONE_LOOK, Server, look};

/// Milliseconds the server may take to accept a connection.
const CONNECT_MS: u32 = 5_000;

/// The metrics of interest of each instance.
#[derive(Debug, Default)]
pub(super) struct Exporters(BTreeMap<String, BTreeSet<String>>);

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    metric: Labels,
}

#[derive(Deserialize)]
struct Labels {
    #[serde(rename = "__name__")]
    name: String,
    #[serde(default)]
    instance: String,
}

impl Exporters {
    /// What is scraped now; nothing where the server does not tell.
    pub(super) async fn find(prometheus: &Endpoint) -> Self {
        let Ok(server) = Server::new(prometheus, CONNECT_MS) else { return Self::default() };
        match look(server.post_form("/api/v1/query", &[("query", &query())]), ONE_LOOK).await {
            Reply::Answered { body, .. } => Self::read(&body),
            Reply::Lost { .. } => Self::default(),
        }
    }

    fn read(body: &str) -> Self {
        let Ok(answer) = serde_json::from_str::<Answer>(body) else { return Self::default() };
        let mut found = Self::default();
        for Series { metric } in answer.data.result {
            found.0.entry(metric.instance).or_default().insert(metric.name);
        }
        found
    }

    /// The exporters of an instance, each with its preset and its place.
    pub(super) fn of(&self, instance: &str) -> Vec<(Preset, &str)> {
        let here = self.0.iter().filter(|(label, _)| is_instance(instance, label));
        here.flat_map(|(label, metrics)| known(metrics).into_iter().map(|preset| (preset, label.as_str())))
            .collect()
    }

    /// Whether an instance has this metric.
    pub(super) fn has(&self, instance: &str, metric: &str) -> bool {
        self.0.iter().any(|(label, metrics)| is_instance(instance, label) && metrics.contains(metric))
    }

    /// Every instance that has an exporter, for people.
    pub(super) fn places(&self) -> Vec<String> {
        let place = |(label, metrics): (&String, &BTreeSet<String>)| {
            let exporter = known(metrics).into_iter().next()?.exporter;
            let label: String = label.chars().filter(|letter| !letter.is_control()).take(80).collect();
            Some(format!("{label} ({exporter})"))
        };
        self.0.iter().filter_map(place).collect()
    }
}

/// Every metric of every preset, by name and instance.
fn query() -> String {
    let names: BTreeSet<String> =
        presets().into_iter().flat_map(|preset| preset.signals).flat_map(|signal| signal.metrics).collect();
    let names: Vec<String> = names.into_iter().collect();
    format!("group by (__name__, instance) ({{__name__=~\"{}\"}})", names.join("|"))
}

/// The presets whose metrics are all there.
fn known(metrics: &BTreeSet<String>) -> Vec<Preset> {
    let complete = |preset: &Preset| {
        preset.signals.iter().flat_map(|signal| &signal.metrics).all(|name| metrics.contains(name))
    };
    presets().into_iter().filter(complete).collect()
}

/// As core matches an exporter's label to a host: the whole label, or its part before the port.
fn is_instance(instance: &str, label: &str) -> bool {
    instance == label || label.rsplit_once(':').is_some_and(|(name, _)| name == instance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exporter_is_known_by_all_of_its_metrics() {
        let series = |name: &str, instance: &str| {
            format!(r#"{{"metric":{{"__name__":"{name}","instance":"{instance}"}},"value":[1,"1"]}}"#)
        };
        let linux =
            ["node_cpu_seconds_total", "node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes"];
        let mut rows: Vec<String> = linux.iter().map(|name| series(name, "pc:9100")).collect();
        rows.push(series("node_cpu_seconds_total", "nas:9100"));
        let found = Exporters::read(&format!(r#"{{"data":{{"result":[{}]}}}}"#, rows.join(",")));
        let names: Vec<(String, &str)> =
            found.of("pc").into_iter().map(|(preset, place)| (preset.name, place)).collect();
        assert_eq!(names, [("node_exporter_linux".to_owned(), "pc:9100")]);
        assert!(found.of("nas").is_empty() && found.has("nas", "node_cpu_seconds_total"));
        assert_eq!(found.places(), ["pc:9100 (node_exporter on Linux)"]);
        assert!(Exporters::read("<html>").places().is_empty());
    }
}
