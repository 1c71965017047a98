//! What can go wrong with a host, and when.

use serde::{Deserialize, Serialize};

use crate::duration::nanos;
use crate::random::Random;
use crate::scheduler::Nanos;

/// A fault. The parameters that its kind does not use are ignored by it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Only this model (short name, `:latest` included).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Only these paths (`status` and `html`); otherwise every path that runs a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<String>>,
    /// Share of the matching requests that it hits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Hits after which it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Seconds after which it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// `slow`: how many times slower.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// `slow`, `ps_block`: seconds added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_s: Option<f64>,
    /// `cut`, `error_line`, `garbage`: tokens before it; otherwise half of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_tokens: Option<u64>,
    /// `split`: bytes that come at a time; otherwise one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
    /// `cut`: break the connection instead of ending the stream.
    #[serde(default)]
    pub abrupt: bool,
    /// `down`: keep the port open, reset every connection and keep the models.
    #[serde(default)]
    pub reset: bool,
    /// `status`, `html`: the status (503 and 502 otherwise).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `status`, `error_line`, `oom`: the error text. `html`: the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The process died: the port is closed, models and requests are lost.
    Down,
    /// Requests that run a model get no byte until it ends; tags and ps stay green.
    Hang,
    /// 503, queue full.
    Busy,
    /// A load ends with 500, out of memory.
    Oom,
    /// The answer ends in the middle, without `done`.
    Cut,
    /// Loads, prefill and decode take `factor` times as long, and `delay_s` more.
    Slow,
    /// An `{"error"}` line inside a stream with status 200.
    ErrorLine,
    /// Bytes that are not NDJSON inside a stream.
    Garbage,
    /// A stream comes a few bytes at a time, cut within lines and within characters.
    Split,
    /// The model is gone: 404, and not in tags.
    Missing,
    /// `/api/ps` answers after `delay_s`.
    PsBlock,
    /// This status with an Ollama error body (401, 403, 500, …).
    Status,
    /// A proxy's HTML page instead of Ollama's answer.
    Html,
}

impl Fault {
    /// A fault of this kind that hits every request until it is removed.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            model: None,
            paths: None,
            probability: None,
            count: None,
            seconds: None,
            factor: None,
            delay_s: None,
            after_tokens: None,
            bytes: None,
            abrupt: false,
            reset: false,
            status: None,
            text: None,
        }
    }

    fn concerns(&self, model: Option<&str>, path: &str) -> bool {
        let model_fits = self.model.as_deref().is_none_or(|wanted| {
            model.is_some_and(|model| {
                model.eq_ignore_ascii_case(wanted)
                    || model.strip_suffix(":latest").is_some_and(|m| m.eq_ignore_ascii_case(wanted))
            })
        });
        model_fits && self.paths.as_ref().is_none_or(|paths| paths.iter().any(|wanted| wanted == path))
    }
}

/// A fault in force.
#[derive(Clone, Debug, Serialize)]
pub struct ActiveFault {
    /// Names it for removal.
    pub id: u64,
    /// How often it hit.
    pub hits: u64,
    /// What it is.
    #[serde(flatten)]
    pub fault: Fault,
    #[serde(skip)]
    until: Option<Nanos>,
}

impl ActiveFault {
    fn is_over(&self, now: Nanos) -> bool {
        self.until.is_some_and(|until| until <= now)
            || self.fault.count.is_some_and(|count| self.hits >= count)
    }
}

/// All faults of a host.
#[derive(Debug)]
pub(crate) struct Faults {
    active: Vec<ActiveFault>,
    next_id: u64,
    random: Random,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { active: Vec::new(), next_id: 1, random: Random::new(seed ^ 0xfa17) }
    }

    pub(crate) fn add(&mut self, now: Nanos, fault: Fault) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let until = fault.seconds.map(|lifetime| now.saturating_add(nanos(lifetime)));
        self.active.push(ActiveFault { id, hits: 0, fault, until });
        id
    }

    /// Removes one fault, or all.
    pub(crate) fn remove(&mut self, id: Option<u64>) -> usize {
        let before = self.active.len();
        self.active.retain(|active| id.is_some_and(|id| active.id != id));
        before - self.active.len()
    }

    pub(crate) fn list(&self) -> &[ActiveFault] {
        &self.active
    }

    /// Drops what has ended and returns when the next one will.
    pub(crate) fn expire(&mut self, now: Nanos) -> Option<Nanos> {
        self.active.retain(|active| active.until.is_none_or(|until| until > now));
        self.active.iter().filter_map(|active| active.until).min()
    }

    /// The first fault of this kind that hits this request, counted.
    pub(crate) fn draw(
        &mut self,
        now: Nanos,
        kind: FaultKind,
        model: Option<&str>,
        path: &str,
    ) -> Option<Fault> {
        let Self { active, random, .. } = self;
        active
            .iter_mut()
            .filter(|active| {
                active.fault.kind == kind && !active.is_over(now) && active.fault.concerns(model, path)
            })
            .find(|active| active.fault.probability.is_none_or(|probability| random.unit() < probability))
            .map(|active| {
                active.hits += 1;
                active.fault.clone()
            })
    }

    /// Whether a fault of this kind is in force, without counting a hit.
    pub(crate) fn holds(
        &self,
        now: Nanos,
        kind: FaultKind,
        model: Option<&str>,
        path: &str,
    ) -> Option<&Fault> {
        self.active
            .iter()
            .find(|active| {
                active.fault.kind == kind && !active.is_over(now) && active.fault.concerns(model, path)
            })
            .map(|active| &active.fault)
    }

    /// Whether that very fault still lasts; a hang waits for its end. Hits do not end it.
    pub(crate) fn lasts(&self, now: Nanos, kind: FaultKind, model: &str) -> bool {
        self.active.iter().any(|active| {
            active.fault.kind == kind
                && active.until.is_none_or(|until| until > now)
                && active.fault.concerns(Some(model), "")
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.active.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_ends_by_count_and_by_time() {
        let mut faults = Faults::new(0);
        faults.add(0, Fault { count: Some(2), ..Fault::new(FaultKind::Busy) });
        faults.add(0, Fault { seconds: Some(1.0), ..Fault::new(FaultKind::Oom) });
        let hit =
            |faults: &mut Faults, now, kind| faults.draw(now, kind, Some("a:latest"), "/api/chat").is_some();
        assert!(hit(&mut faults, 0, FaultKind::Busy) && hit(&mut faults, 0, FaultKind::Busy));
        assert!(!hit(&mut faults, 0, FaultKind::Busy));
        assert!(hit(&mut faults, 999_999_999, FaultKind::Oom));
        assert!(!hit(&mut faults, 1_000_000_000, FaultKind::Oom));
    }

    #[test]
    fn a_model_filter_takes_the_name_with_or_without_latest() {
        let mut faults = Faults::new(0);
        faults.add(0, Fault { model: Some("a".into()), ..Fault::new(FaultKind::Busy) });
        assert!(faults.draw(0, FaultKind::Busy, Some("a:latest"), "").is_some());
        assert!(faults.draw(0, FaultKind::Busy, Some("a:mini"), "").is_none());
        assert!(faults.draw(0, FaultKind::Busy, None, "").is_none());
    }

    #[test]
    fn probability_hits_its_share() {
        let mut faults = Faults::new(7);
        faults.add(0, Fault { probability: Some(0.25), ..Fault::new(FaultKind::Busy) });
        let hits = (0..4000).filter(|_| faults.draw(0, FaultKind::Busy, None, "").is_some()).count();
        assert!((900..1100).contains(&hits), "{hits}");
    }
}
