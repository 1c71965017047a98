//! When to look at hosts and metrics: before the first decision, then regularly while jobs come in.

use crate::dispatch::Dispatcher;
use crate::effect::{Effect, Source};
use crate::fleet::{Contact, Host, RETURN_MS};
use crate::names::Millis;

/// A look that brought no event by then is forgotten.
pub(super) const LOOK_LOST_MS: u64 = 30_000;

/// When the metrics server was last asked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    pub(super) asked_since: Option<Millis>,
    pub(super) answered: Option<Millis>,
}

impl Watch {
    pub(super) fn ended(&mut self, now: Millis) {
        self.asked_since = None;
        self.answered = Some(now);
    }
}

impl Dispatcher {
    /// The metrics server has been asked and has never answered, in whatever way.
    pub(super) fn metrics_awaited(&self) -> bool {
        self.config.metrics && self.metrics.answered.is_none()
    }

    /// Asks for what is due: hosts, models' details, metrics.
    pub(super) fn look_around(&mut self) {
        let (now, every) = (self.now, u64::from(self.config.refresh_ms));
        let busy = !self.jobs.is_empty();
        for host in &mut self.fleet.hosts {
            if host_due(host, now, every, busy) {
                (host.looking, host.suspect) = (Some(now), false);
                let source = Source::Host { host: host.config.id.clone() };
                self.effects.push_back(Effect::Refresh { source });
                continue;
            }
            if !matches!(host.contact, Contact::Up) || host.looked != now {
                continue;
            }
            let id = host.config.id.clone();
            for model in host.models_without_details() {
                model.details_pending = true;
                let source = Source::Model { host: id.clone(), model: model.name.clone() };
                self.effects.push_back(Effect::Refresh { source });
            }
        }
        let asked = self.metrics.asked_since.is_some_and(|at| now.since(at) < LOOK_LOST_MS);
        let due = self.metrics.answered.is_none_or(|at| busy && now.since(at) >= every);
        if self.config.metrics && due && !asked {
            self.metrics.asked_since = Some(now);
            self.effects.push_back(Effect::Refresh { source: Source::Signals });
        }
    }

    /// When the next look is due: only while jobs are under way.
    pub(super) fn next_look(&self) -> Option<Millis> {
        if self.jobs.is_empty() {
            return None;
        }
        let every = u64::from(self.config.refresh_ms);
        let hosts = self.fleet.hosts.iter().map(|host| match host.looking {
            Some(since) => since.plus(LOOK_LOST_MS),
            None => host.looked.plus(look_every(host, every)),
        });
        let metrics = self.config.metrics.then(|| match (self.metrics.asked_since, self.metrics.answered) {
            (Some(since), _) => since.plus(LOOK_LOST_MS),
            (None, Some(at)) => at.plus(every),
            (None, None) => self.now,
        });
        hosts.chain(metrics).min()
    }
}

/// A host that served before and is gone is looked for more often.
fn look_every(host: &Host, every_ms: u64) -> u64 {
    let gone = matches!(host.contact, Contact::Down(_)) && !host.models.is_empty();
    if gone { every_ms.min(RETURN_MS) } else { every_ms }
}

fn host_due(host: &Host, now: Millis, every_ms: u64, busy: bool) -> bool {
    if host.looking.is_some_and(|since| now.since(since) < LOOK_LOST_MS) {
        return false;
    }
    matches!(host.contact, Contact::Never)
        || host.suspect
        || (busy && now.since(host.looked) >= look_every(host, every_ms))
}
