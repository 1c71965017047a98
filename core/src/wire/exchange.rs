//! What an effect asks by short HTTP exchanges: looks, canaries, loads and unloads. Requests go out, replies come in, and one event
//! tells the dispatcher.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::metrics::{metrics_query, recorded_query};
use super::outgoing::Outgoing;
use super::reply::{host_state, model_state, signals_state};
use super::residency::{residency_failure, residency_request};
use super::{Ask, Reply, canary_failure};
use crate::effect::{Effect, Source};
use crate::event::{Event, SignalsState};
use crate::names::{HostId, Millis, ModelName};

/// The prompt of a canary: any short one will do, since only a token of the answer matters.
const CANARY_PROMPT: &str = "Hi";
/// Milliseconds until recorded signals are looked for again, if no rules had recorded any.
const RECORDED_AGAIN_MS: u64 = 60_000;
/// Age in milliseconds beyond which a recorded signal is not used: the rules that recorded it may no longer run.
const FRESH_MS: u64 = 120_000;

/// The exchanges of one fleet. Remembers whether the rules of its metrics server record the signals.
#[derive(Debug, Default)]
pub struct Exchanges {
    recorded_from_ms: Arc<AtomicU64>,
}

impl Exchanges {
    /// Begins what the effect asks for; nothing where it is carried out in another way.
    pub fn begin(&self, now: Millis, effect: &Effect) -> Option<Exchange> {
        let (purpose, within_ms) = match effect {
            Effect::Refresh { source, within_ms } => (Purpose::Look(source.clone()), *within_ms),
            Effect::Load { host, model, within_ms, .. } => {
                (Purpose::Load(host.clone(), model.clone()), *within_ms)
            }
            Effect::Unload { host, model, within_ms } => {
                (Purpose::Unload(host.clone(), model.clone()), *within_ms)
            }
            Effect::Call { .. }
            | Effect::Abort { .. }
            | Effect::Resolve { .. }
            | Effect::Reject { .. }
            | Effect::StartHost { .. }
            | Effect::StopHost { .. }
            | Effect::Prepared { .. } => return None,
        };
        let is_recorded = now.0 >= self.recorded_from_ms.load(Ordering::Relaxed);
        let requests = match &purpose {
            Purpose::Look(source) => requests_of(source, is_recorded),
            Purpose::Load(..) | Purpose::Unload(..) => residency_request(effect).into_iter().collect(),
        };
        let recorded_from_ms = Arc::clone(&self.recorded_from_ms);
        Some(Exchange { purpose, within_ms, requests, is_recorded, recorded_from_ms })
    }
}

/// What one effect asks of one server.
#[derive(Debug)]
pub struct Exchange {
    purpose: Purpose,
    within_ms: u32,
    requests: Vec<Outgoing>,
    is_recorded: bool,
    recorded_from_ms: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Purpose {
    Look(Source),
    Load(HostId, ModelName),
    Unload(HostId, ModelName),
}

impl Exchange {
    /// The host to send to; absent: the metrics server.
    pub fn host(&self) -> Option<&HostId> {
        match &self.purpose {
            Purpose::Look(Source::Signals) => None,
            Purpose::Look(
                Source::Host { host } | Source::Model { host, .. } | Source::Canary { host, .. },
            )
            | Purpose::Load(host, _)
            | Purpose::Unload(host, _) => Some(host),
        }
    }

    /// Milliseconds each request may take; one that takes longer is a lost connection with the code `ETIMEDOUT`.
    pub fn within_ms(&self) -> u32 {
        self.within_ms
    }

    /// What to send now, all at once.
    pub fn requests(&self) -> &[Outgoing] {
        &self.requests
    }

    /// Whether the last answer's signals were recorded by the rules of the metrics server.
    pub fn is_recorded(&self) -> bool {
        self.is_recorded
    }

    /// Takes the replies, in the order of the requests. Gives the event they make, or nothing: then [`Exchange::requests`] has more to
    /// send.
    pub fn replied(&mut self, now: Millis, replies: &[Reply]) -> Option<Event> {
        let lost = Reply::Lost { code: None, message: "not asked".to_owned() };
        let reply = |place| replies.get(place).unwrap_or(&lost);
        Some(match &self.purpose {
            Purpose::Look(Source::Host { host }) => {
                let state = host_state(reply(0), reply(1), reply(2));
                Event::HostState { host: host.clone(), state }
            }
            Purpose::Look(Source::Model { host, model }) => {
                let (host, model) = (host.clone(), model.clone());
                Event::ModelState { host, model, state: model_state(reply(0)) }
            }
            Purpose::Look(Source::Canary { host, model, .. }) => {
                let (host, model) = (host.clone(), model.clone());
                Event::Canary { host, model, failure: canary_failure(reply(0)) }
            }
            Purpose::Look(Source::Signals) => {
                let state = signals_state(reply(0));
                // A server that cannot be reached is not asked twice.
                let is_lost = matches!(reply(0), Reply::Lost { .. });
                if self.is_recorded && !is_lost && !is_fresh(&state) {
                    self.is_recorded = false;
                    self.recorded_from_ms.store(now.0.saturating_add(RECORDED_AGAIN_MS), Ordering::Relaxed);
                    self.requests = vec![Outgoing::query(&metrics_query())];
                    return None;
                }
                Event::Signals { state }
            }
            Purpose::Load(host, model) => {
                let (host, model) = (host.clone(), model.clone());
                Event::LoadEnded { host, model, failure: residency_failure(reply(0)) }
            }
            Purpose::Unload(host, model) => {
                let (host, model) = (host.clone(), model.clone());
                Event::UnloadEnded { host, model, failure: residency_failure(reply(0)) }
            }
        })
    }
}

fn requests_of(source: &Source, is_recorded: bool) -> Vec<Outgoing> {
    match source {
        Source::Host { .. } => ["/api/version", "/api/tags", "/api/ps"].map(Outgoing::get).into(),
        Source::Model { model, .. } => vec![Outgoing::json("/api/show", &json!({ "model": model }))],
        Source::Canary { model, options, .. } => {
            let ask = Ask { prompt: Some(CANARY_PROMPT.to_owned()), ..Ask::default() };
            vec![Outgoing::json(ask.endpoint(), &ask.body(model.as_str(), options))]
        }
        Source::Signals if is_recorded => vec![Outgoing::query(recorded_query())],
        Source::Signals => vec![Outgoing::query(&metrics_query())],
    }
}

fn is_fresh(state: &SignalsState) -> bool {
    match state {
        SignalsState::Up(samples) => samples.iter().any(|sample| sample.age_ms <= FRESH_MS),
        SignalsState::Down(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(body: &str) -> Vec<Reply> {
        vec![Reply::Answered {
            status: 200,
            body: body.to_owned(),
            retry_after: None,
            location: None,
            date: None,
        }]
    }

    fn is_recorded(exchange: &Exchange) -> bool {
        let query = exchange.requests().first().and_then(|request| request.body.as_ref());
        query.is_some_and(|body| body.text.starts_with("query=smart_ai%3Asignals"))
    }

    #[test]
    fn signals_that_no_rules_record_are_computed_and_looked_for_again_after_a_minute() {
        let exchanges = Exchanges::default();
        let look = Effect::Refresh { source: Source::Signals, within_ms: 5 };
        let begin = |now| exchanges.begin(Millis(now), &look);
        let Some(mut first) = begin(1_000) else { unreachable!("a look is an exchange") };
        assert!(is_recorded(&first) && first.host().is_none());
        let nothing = answered(r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#);
        assert_eq!(first.replied(Millis(1_000), &nothing), None);
        assert!(!is_recorded(&first), "asked for itself");
        assert!(matches!(first.replied(Millis(1_000), &nothing), Some(Event::Signals { .. })));
        let recorded = |now| begin(now).is_some_and(|exchange| is_recorded(&exchange));
        assert_eq!((recorded(60_999), recorded(61_000)), (false, true));
    }

    #[test]
    fn a_metrics_server_that_is_lost_is_asked_once() {
        let look = Effect::Refresh { source: Source::Signals, within_ms: 5 };
        let Some(mut exchange) = Exchanges::default().begin(Millis(0), &look) else {
            unreachable!("a look is an exchange")
        };
        let lost = [Reply::Lost { code: Some("ECONNREFUSED".to_owned()), message: String::new() }];
        assert!(matches!(exchange.replied(Millis(0), &lost), Some(Event::Signals { .. })));
    }
}
