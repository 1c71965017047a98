//! `smart-ai verify`: what the fleet has, what is missing, what that costs and how to get it.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use smart_ai_core::wire::{FleetConfig, presets};
use smart_ai_core::{HostSnapshot, SignalName, Snapshot};

use super::{DONE, FAILED, complain, print_json};
use crate::driver::Engine;

#[derive(Debug, Serialize)]
struct Report {
    /// Every required check passed.
    ok: bool,
    checks: Vec<Check>,
}

#[derive(Debug, Serialize)]
struct Check {
    name: String,
    ok: bool,
    required: bool,
    detail: String,
    /// What to do; empty where nothing is wrong.
    fix: String,
}

impl Check {
    fn new(
        name: impl Into<String>,
        ok: bool,
        required: bool,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let fix = if ok { String::new() } else { fix.into() };
        Self { name: name.into(), ok, required, detail: detail.into(), fix }
    }
}

pub(super) async fn run(engine: &Engine, config: &FleetConfig, json: bool) -> io::Result<u8> {
    let snapshot = match engine.snapshot().await {
        Ok(snapshot) => snapshot,
        Err(error) => return Ok(complain(&error.message, FAILED)),
    };
    let mut checks: Vec<Check> = snapshot.hosts.iter().flat_map(host_checks).collect();
    checks.extend(metric_checks(config, &snapshot));
    let ok = checks.iter().all(|check| check.ok || !check.required);
    let report = Report { ok, checks };
    if json {
        print_json(&report)?;
    } else {
        write_lines(&report)?;
    }
    Ok(if report.ok { DONE } else { FAILED })
}

fn host_checks(host: &HostSnapshot) -> Vec<Check> {
    let name = |part: &str| format!("host {} {part}", host.host);
    let up = host.state == "up";
    let detail = match &host.version {
        Some(version) if up => format!("answers, Ollama {version}"),
        Some(_) | None => host.state.clone(),
    };
    let mut checks =
        vec![Check::new(name("answers"), up, true, detail, "start Ollama there, check its URL and its key")];
    if up {
        let models: Vec<&str> = host.models.iter().map(|model| model.model.as_str()).collect();
        let detail = if models.is_empty() { "no models".to_owned() } else { models.join(", ") };
        let fix = "install one there: `ollama pull llama3.2:3b`; without models the host gets no job";
        checks.push(Check::new(name("models"), !models.is_empty(), true, detail, fix));
    }
    checks
}

fn metric_checks(config: &FleetConfig, snapshot: &Snapshot) -> Vec<Check> {
    let Some(prometheus) = &config.prometheus else {
        let fix = "give --prometheus URL; without it other processes' CPU and memory use are not seen";
        return vec![Check::new("prometheus", false, false, "not configured", fix)];
    };
    let any = snapshot.hosts.iter().any(|host| !host.signals.is_empty());
    let detail = match (&snapshot.metrics, any) {
        (None, _) => "answers".to_owned(),
        (Some(failure), _) => failure.clone(),
    };
    let fix = format!("check that {} is Prometheus, running, and takes the credentials", prometheus.url);
    let mut checks = vec![Check::new("prometheus", snapshot.metrics.is_none(), false, detail, fix)];
    if snapshot.metrics.is_some() {
        return checks;
    }
    let needed = [
        (SignalName::CpuBusyRatio, "a host busy with other work looks idle"),
        (SignalName::MemoryAvailableBytes, "a model that does not fit is noticed only when its load fails"),
        (SignalName::MemoryTotalBytes, "the limit on free memory cannot be kept"),
        (
            SignalName::ContainerMemoryBytes,
            "a container's own use is not seen; needed only where Ollama runs in one",
        ),
    ];
    for host in &snapshot.hosts {
        for (signal, cost) in needed {
            checks.push(signal_check(host, signal, cost));
        }
    }
    checks
}

fn signal_check(host: &HostSnapshot, signal: SignalName, cost: &str) -> Check {
    let name = format!("host {} {}", host.host, signal.as_str());
    let reading = host.signals.iter().find(|reading| reading.signal == signal);
    if let Some(reading) = reading {
        let detail = format!("{:.3}, {:.0} s old", reading.value, reading.age_ms as f64 / 1e3);
        let fix = format!("its exporter is not scraped any more; meanwhile {cost}");
        return Check::new(name, !reading.stale, false, detail, fix);
    }
    let known = presets();
    let exporters: Vec<&str> = known
        .iter()
        .filter(|preset| preset.signals.iter().any(|measured| measured.signal == signal))
        .map(|preset| preset.exporter.as_str())
        .collect();
    let fix = format!(
        "{cost}; scrape one of {}, or set the host's `instance` to its exporter's instance label",
        exporters.join(", ")
    );
    Check::new(name, false, false, "no series with this host's instance label", fix)
}

fn write_lines(report: &Report) -> io::Result<()> {
    let mut out = io::stdout();
    let colored = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for check in &report.checks {
        let (word, color) = match (check.ok, check.required) {
            (true, _) => ("ok  ", "32"),
            (false, false) => ("warn", "33"),
            (false, true) => ("FAIL", "31"),
        };
        let word = if colored { format!("\u{1b}[{color}m{word}\u{1b}[0m") } else { word.to_owned() };
        writeln!(out, "{word} {}: {}", check.name, check.detail)?;
        if !check.ok {
            writeln!(out, "       {}", check.fix)?;
        }
    }
    Ok(())
}
