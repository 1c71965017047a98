//! The metrics server, and what it knows of each host.

use smart_ai_core::wire::{Exchanges, Fleet, presets};
use smart_ai_core::{Effect, HostConfig, HostSnapshot, Millis, SignalAge, SignalName, Snapshot, Source};

use super::Check;
use super::exporters::Exporters;
use crate::driver::exchanged;
use crate::http::{ONE_LOOK, Server};

/// What is needed of every host, and what a decision lacks without it.
const NEEDED: [(SignalName, &str); 3] = [
    (SignalName::CpuBusyRatio, "a host busy with other work looks idle"),
    (SignalName::MemoryAvailableBytes, "a model that does not fit is noticed only when its load fails"),
    (SignalName::MemoryTotalBytes, "the limit on free memory cannot be kept"),
];
/// What is needed only where Ollama runs in a container, and the metric that shows it.
const CONTAINER: [(SignalName, &str); 2] = [
    (SignalName::ContainerMemoryBytes, "container_memory_working_set_bytes"),
    (SignalName::ContainerMemoryLimitBytes, "container_spec_memory_limit_bytes"),
];

pub(super) async fn checks(fleet: &Fleet, snapshot: &Snapshot) -> Vec<Check> {
    let Some(prometheus) = &fleet.prometheus else {
        let detail = "not configured; what other programs do to CPU and memory is not seen";
        return vec![Check::lacking("prometheus", detail, "give its URL: --prometheus URL")];
    };
    if let Some(failure) = &snapshot.metrics {
        let detail = format!("{failure}; what other programs do to CPU and memory is not seen");
        let fix = format!("check that {} is Prometheus, that it runs, and its credentials", prometheus.url);
        return vec![Check::lacking("prometheus", detail, fix)];
    }
    let exporters = Exporters::find(prometheus).await;
    let recorded = match Server::new(prometheus, fleet.config.connect_timeout_ms) {
        Ok(server) => records(&server).await,
        Err(_) => false,
    };
    let asked = if recorded {
        "its rules record the signals: asked by one selector"
    } else {
        "it computes the signals anew for each look; load deploy/prometheus/signals.rules.yml there and it records them"
    };
    let mut checks = vec![Check::passed("prometheus", format!("answers at {}; {asked}", prometheus.url))];
    for (host, seen) in fleet.config.hosts.iter().zip(&snapshot.hosts) {
        checks.push(exporter_check(host, &exporters));
        checks.extend(signal_checks(host, seen, &exporters));
    }
    checks
}

fn instance(host: &HostConfig) -> &str {
    host.instance.as_deref().unwrap_or_default()
}

fn exporter_check(host: &HostConfig, exporters: &Exporters) -> Check {
    let name = format!("host {} exporter", host.id);
    let found = exporters.of(instance(host));
    if !found.is_empty() {
        let places: Vec<String> =
            found.iter().map(|(preset, place)| format!("{} at {place}", preset.exporter)).collect();
        return Check::passed(name, places.join(", "));
    }
    let others = exporters.places();
    if others.is_empty() {
        let detail = "Prometheus scrapes none; what other programs do there is not seen";
        return Check::lacking(
            name,
            detail,
            format!("install and scrape one there. {}", choices().join(". ")),
        );
    }
    let detail =
        format!("none has the instance label {}; Prometheus scrapes {}", instance(host), others.join(", "));
    let fix = "set `instance` of its [[hosts]] block to the label of the exporter on its machine, or install one there: node_exporter or windows_exporter";
    Check::lacking(name, detail, fix)
}

/// The exporters to choose from, and how to get each.
fn choices() -> Vec<String> {
    presets()
        .into_iter()
        .filter(|preset| preset.signals.iter().any(|signal| signal.signal == SignalName::CpuBusyRatio))
        .filter(|preset| !preset.name.ends_with("_old"))
        .map(|preset| format!("{}: {}", preset.exporter, preset.get))
        .collect()
}

fn signal_checks(host: &HostConfig, seen: &HostSnapshot, exporters: &Exporters) -> Vec<Check> {
    let name = |signal: SignalName| format!("host {} {}", host.id, signal.as_str());
    let mut checks = Vec::new();
    for (signal, cost) in NEEDED {
        checks.push(match reading(seen, signal) {
            Some(reading) if !reading.stale => Check::passed(name(signal), words(reading)),
            Some(reading) => Check::lacking(
                name(signal),
                format!("{}: too old; {cost}", words(reading)),
                "check its exporter and the scrape: Prometheus, Status, Targets",
            ),
            None => Check::lacking(name(signal), format!("unknown; {cost}"), source(host, signal, exporters)),
        });
    }
    for (signal, metric) in CONTAINER {
        match reading(seen, signal) {
            Some(reading) => checks.push(Check::passed(name(signal), words(reading))),
            None if exporters.has(instance(host), metric) => checks.push(Check::lacking(
                name(signal),
                "no container whose name contains ollama; what Ollama's container may use is not known",
                "name the container so, if Ollama runs in one",
            )),
            None => {}
        }
    }
    checks
}

fn reading(seen: &HostSnapshot, signal: SignalName) -> Option<&SignalAge> {
    seen.signals.iter().find(|reading| reading.signal == signal)
}

/// How to get a signal that no sample has brought.
fn source(host: &HostConfig, signal: SignalName, exporters: &Exporters) -> String {
    let found = exporters.of(instance(host));
    let measures = found.iter().any(|(preset, _)| preset.signals.iter().any(|known| known.signal == signal));
    if measures {
        "wait for the exporter's second scrape, and see that scrapes are at most a minute apart".to_owned()
    } else {
        format!("scrape an exporter that measures it, as said at `host {} exporter`", host.id)
    }
}

fn words(reading: &SignalAge) -> String {
    let value = match reading.signal {
        SignalName::CpuBusyRatio => format!("{:.0} % busy", reading.value * 100.0),
        SignalName::MemoryAvailableBytes
        | SignalName::MemoryTotalBytes
        | SignalName::ContainerMemoryBytes
        | SignalName::ContainerMemoryLimitBytes => format!("{:.1} GB", reading.value / 1e9),
    };
    format!("{value}, {:.0} s ago", reading.age_ms as f64 / 1e3)
}

/// Whether the server's rules record the signals.
async fn records(server: &Server) -> bool {
    let look = Effect::Refresh { source: Source::Signals, within_ms: ONE_LOOK.as_millis() as u32 };
    let Some(mut exchange) = Exchanges::default().begin(Millis(0), &look) else { return false };
    exchanged(&mut exchange, server).await;
    exchange.is_recorded()
}
