//! What a reader of a decision should know of its grounds: what is stale, missing or down.

use crate::event::SignalName;
use crate::failure::Failure;
use crate::fleet::{Contact, Fleet, SignalReading};
use crate::names::Millis;
use crate::policy::score::Scored;
use crate::policy::view::Metrics;

/// Without these a host's load is a guess.
const NEEDED: [SignalName; 2] = [SignalName::CpuBusyRatio, SignalName::MemoryAvailableBytes];

pub(crate) fn notes(
    metrics: Metrics<'_>,
    now: Millis,
    fleet: &Fleet,
    signals: &[(usize, SignalReading)],
    best: Option<&Scored<'_>>,
) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(best) = best.filter(|best| best.kept >= 0.01) {
        let (host, percent) = (&best.host.config.id, (best.kept * 100.0).round_ties_even());
        notes.push(format!("{host} has read {percent} % of the prompt before"));
    }
    let stale: Vec<String> = signals
        .iter()
        .filter(|(_, reading)| reading.stale)
        .filter_map(|(position, reading)| {
            let id = &fleet.hosts.get(*position)?.config.id;
            Some(format!("{} of {id} ({} s old)", reading.signal.as_str(), reading.age_ms / 1_000))
        })
        .collect();
    if !stale.is_empty() {
        notes.push(format!("signals stale: {}", stale.join(", ")));
    }
    match metrics {
        Metrics::Unused => {}
        Metrics::Awaited => notes.push("metrics server has not answered yet".to_owned()),
        Metrics::Down(Failure { kind, detail, .. }) => {
            notes.push(format!("metrics server does not answer: {} ({detail})", kind.as_str()));
        }
        Metrics::Up => notes.extend(missing(fleet)),
    }
    for host in &fleet.hosts {
        if let Some(seconds) = host.rises_in_s(now) {
            notes.push(format!("{} is asleep, {seconds:.0} s to start", host.config.id));
        } else if let Contact::Down(failure) = &host.contact {
            notes.push(format!("{} does not answer: {}", host.config.id, failure.kind.as_str()));
        }
    }
    notes
}

fn missing(fleet: &Fleet) -> Option<String> {
    let mut gaps = Vec::new();
    for host in fleet.hosts.iter().filter(|host| matches!(host.contact, Contact::Up)) {
        let id = &host.config.id;
        let lacks = NEEDED.into_iter().filter(|name| !host.signals.knows(*name));
        gaps.extend(lacks.map(|name| format!("{} of {id}", name.as_str())));
    }
    (!gaps.is_empty()).then(|| format!("signals missing: {}", gaps.join(", ")))
}
