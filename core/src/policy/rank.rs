//! The score: expected seconds of each feasible arm and the seconds it costs others, best first.

use std::cmp::Ordering;

use crate::config::Config;
use crate::decision::{Arm, Candidate, Decision, DropCode, Dropped, SignalAge, Terms};
use crate::event::SignalName;
use crate::fleet::{Contact, Fleet, Host, Model, Residency};
use crate::learn::Lengths;
use crate::names::Millis;
use crate::policy::feasibility::{Exclusions, host_verdict, model_verdict};
use crate::policy::load::load_s;
use crate::policy::quality::quality_price_s;
use crate::policy::queue::{Ahead, Running, interference_s};
use crate::policy::reason::explain;
use crate::policy::work::{Rates, tokens_of_context};
use crate::request::{Request, Task};

/// Seconds until a failure shows.
const DETECT_S: f64 = 2.0;
/// Seconds a retry costs where no other arm is left.
const NO_OTHER_ARM_S: f64 = 30.0;
/// A model that does not fit its host's memory works this many times slower.
const MISFIT_SLOWDOWN: f64 = 5.0;
/// Share of the work added where a host's metrics are known to exist but are stale.
const STALE_SHARE: f64 = 0.1;

/// What the score is computed from.
#[derive(Clone, Copy)]
pub(crate) struct Ranking<'a> {
    pub(crate) config: &'a Config,
    pub(crate) fleet: &'a Fleet,
    pub(crate) lengths: &'a Lengths,
    /// Calls under way, by host position.
    pub(crate) running: &'a [Vec<Running>],
    pub(crate) metrics_down: Option<&'a str>,
    pub(crate) now: Millis,
}

/// Ranks every arm for the request.
pub(crate) fn rank(view: Ranking<'_>, request: &Request, tried: &Exclusions) -> Decision {
    let output_tokens = view.lengths.expected_tokens(request);
    let arms = view.fleet.hosts.iter().map(|host| host.models.len()).sum();
    let mut scored = Vec::with_capacity(arms);
    let mut dropped = Vec::new();
    let mut misfits = Vec::new();
    for (host, running) in view.fleet.hosts.iter().zip(view.running) {
        if let Err((code, detail)) = host_verdict(host, view.config, request, tried, view.now) {
            dropped.push(Dropped { host: host.config.id.clone(), model: None, code, detail });
            continue;
        }
        let context = context_for(request, output_tokens);
        for model in host.models.values() {
            match model_verdict(host, model, view.config, request, tried, context, view.now) {
                Ok(()) => scored.push(score(view, host, model, running, request, output_tokens, 1.0)),
                Err((code, detail)) => {
                    if code == DropCode::DoesNotFit {
                        misfits.push((dropped.len(), host, model, running));
                    }
                    let (host, model) = (host.config.id.clone(), Some(model.name.clone()));
                    dropped.push(Dropped { host, model, code, detail });
                }
            }
        }
    }
    if scored.is_empty() && !misfits.is_empty() {
        let kept: Vec<usize> = misfits.iter().map(|(position, ..)| *position).collect();
        scored.extend(misfits.into_iter().map(|(_, host, model, running)| {
            score(view, host, model, running, request, output_tokens, MISFIT_SLOWDOWN)
        }));
        let mut position = 0;
        dropped.retain(|_| {
            position += 1;
            !kept.contains(&(position - 1))
        });
    }
    add_risk(&mut scored);
    scored.sort_by(order);
    let candidates = scored.into_iter().map(|(candidate, _)| candidate).collect();
    assemble(view, request, output_tokens, candidates, dropped)
}

fn context_for(request: &Request, output_tokens: f64) -> u32 {
    tokens_of_context(request.prompt_tokens, request.max_tokens.map_or(output_tokens, f64::from))
}

/// A candidate and the probability that calling it fails.
type Scored = (Candidate, f64);

fn score(
    view: Ranking<'_>,
    host: &Host,
    model: &Model,
    running: &[Running],
    request: &Request,
    output_tokens: f64,
    slowdown: f64,
) -> Scored {
    let now = view.now;
    let rates = Rates::of(host, model);
    let ahead = Ahead::of(running, &model.name, host.config.parallel, now);
    let resident = is_resident(model, request, output_tokens);
    let mut terms = Terms {
        prefill_s: slowdown * f64::from(request.prompt_tokens) / rates.prefill,
        decode_s: slowdown * output_tokens / rates.decode,
        ..Terms::default()
    };
    terms.load_s = match ahead.own_load_s {
        Some(left) => left,
        None if resident => 0.0,
        None => ahead.loader_s + load_s(host, model),
    };
    let own_s = terms.prefill_s + terms.decode_s;
    let shared_s = interference_s(running, &model.name, ahead.queue_s + own_s, now);
    let foreign_s = foreign_load_s(view, host, running, own_s);
    terms.queue_s = ahead.queue_s * ahead.overdue;
    terms.interference_s = shared_s * ahead.overdue + own_s * (ahead.overdue - 1.0) + foreign_s;
    terms.harm_s = shared_s;
    terms.quality_s = quality_price_s(request.mode, request.task, model.parameters());
    let candidate = Candidate {
        host: host.config.id.clone(),
        model: model.name.clone(),
        resident,
        score_s: terms.sum_s(),
        expected_s: terms.expected_s(),
        terms,
    };
    (candidate, model.reliability.failure_probability(now))
}

fn is_resident(model: &Model, request: &Request, output_tokens: f64) -> bool {
    match model.residency {
        Residency::Cold => false,
        Residency::Resident { context_tokens, .. } => context_tokens.is_none_or(|loaded| {
            request.task == Task::Embed
                || f64::from(loaded) >= f64::from(request.prompt_tokens) + output_tokens
        }),
    }
}

/// Seconds lost to processes that are not ours: work × busy ÷ (1 − busy) where nothing of ours runs there.
fn foreign_load_s(view: Ranking<'_>, host: &Host, running: &[Running], own_s: f64) -> f64 {
    let stale_ms = view.config.stale_after_ms();
    if host.signals.readings(view.now, stale_ms).any(|reading| reading.stale) {
        return own_s * STALE_SHARE;
    }
    let busy = host.signals.fresh(view.now, stale_ms, SignalName::CpuBusyRatio);
    match busy {
        Some(busy) if running.is_empty() => own_s * busy.min(0.9) / (1.0 - busy.min(0.9)),
        Some(_) | None => 0.0,
    }
}

/// Risk = P(fail) × (time until it shows + the best other arm's expected time).
fn add_risk(scored: &mut [Scored]) {
    let expected = |index: usize, scored: &[Scored]| {
        let others = scored.iter().enumerate().filter(|(other, _)| *other != index);
        others.map(|(_, (candidate, _))| candidate.expected_s).reduce(f64::min)
    };
    let best = scored.iter().enumerate().min_by(|a, b| a.1.0.expected_s.total_cmp(&b.1.0.expected_s));
    let Some((best_index, best_s)) = best.map(|(index, (candidate, _))| (index, candidate.expected_s)) else {
        return;
    };
    let second_s = expected(best_index, scored).unwrap_or(NO_OTHER_ARM_S);
    let alone = scored.len() == 1;
    for (index, (candidate, failing)) in scored.iter_mut().enumerate() {
        let other_s = if alone {
            NO_OTHER_ARM_S
        } else if index == best_index {
            second_s
        } else {
            best_s
        };
        candidate.terms.risk_s = *failing * (DETECT_S + other_s);
        candidate.score_s = candidate.terms.sum_s();
    }
}

/// By score to the millisecond, then loaded before cold, then by name: the same order on every machine.
fn order(left: &Scored, right: &Scored) -> Ordering {
    let milliseconds = |scored: &Scored| (scored.0.score_s * 1e3).round();
    milliseconds(left)
        .total_cmp(&milliseconds(right))
        .then(right.0.resident.cmp(&left.0.resident))
        .then_with(|| left.0.host.cmp(&right.0.host))
        .then_with(|| left.0.model.cmp(&right.0.model))
}

fn assemble(
    view: Ranking<'_>,
    request: &Request,
    output_tokens: f64,
    candidates: Vec<Candidate>,
    dropped: Vec<Dropped>,
) -> Decision {
    let signals = signal_ages(view);
    let chosen = candidates.first().map(|best| Arm { host: best.host.clone(), model: best.model.clone() });
    let mut decision = Decision {
        chosen,
        reason: String::new(),
        predicted_ms: candidates.first().map_or(0.0, |best| (best.expected_s * 1e3).round()),
        task: request.task,
        mode: request.mode,
        prompt_tokens: request.prompt_tokens,
        output_tokens: output_tokens.ceil() as u32,
        notes: notes(view, &signals),
        candidates,
        dropped,
        signals,
    };
    decision.reason = explain(&decision);
    decision
}

fn signal_ages(view: Ranking<'_>) -> Vec<SignalAge> {
    let mut ages = Vec::new();
    for host in &view.fleet.hosts {
        for reading in host.signals.readings(view.now, view.config.stale_after_ms()) {
            ages.push(SignalAge {
                host: host.config.id.clone(),
                signal: reading.signal,
                value: reading.value,
                age_ms: reading.age_ms,
                stale: reading.stale,
            });
        }
    }
    ages
}

fn notes(view: Ranking<'_>, signals: &[SignalAge]) -> Vec<String> {
    let mut notes = Vec::new();
    let stale: Vec<String> = signals
        .iter()
        .filter(|signal| signal.stale)
        .map(|signal| {
            format!("{} of {} ({} s old)", signal.signal.as_str(), signal.host, signal.age_ms / 1_000)
        })
        .collect();
    if !stale.is_empty() {
        notes.push(format!("signals stale: {}", stale.join(", ")));
    }
    if let Some(cause) = view.metrics_down {
        notes.push(format!("metrics server does not answer: {cause}"));
    }
    for host in &view.fleet.hosts {
        if let Contact::Down(failure) = &host.contact {
            notes.push(format!("{} does not answer: {}", host.config.id, failure.kind.as_str()));
        }
    }
    notes
}
