//! When to look at hosts and metrics: before the first decision, then regularly while jobs come in.

use crate::dispatch::Dispatcher;
use crate::effect::{Effect, Source};
use crate::fleet::{Contact, Host, Pace, RETURN_MS};
use crate::names::Millis;

/// Milliseconds between two looks at a host that is being started.
const READY_MS: u64 = 250;

/// When the metrics server was last asked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    pub(super) asked_since: Option<Millis>,
    pub(super) answered: Option<Millis>,
    /// To be asked as soon as possible.
    pub(super) wanted: bool,
    pace: Pace,
}

impl Watch {
    pub(super) fn ended(&mut self, now: Millis) {
        if let Some(since) = self.asked_since.take() {
            self.pace.answered(now.since(since));
        }
        self.answered = Some(now);
    }

    pub(super) fn slept(&mut self, ms: u64) {
        self.wanted = true;
        self.asked_since = self.asked_since.map(|at| at.plus(ms));
    }

    /// When a question that brought no answer is forgotten.
    fn lost_at(&self) -> Option<Millis> {
        self.asked_since.map(|since| since.plus(self.pace.lost_ms()))
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
        let busy = !self.jobs.is_empty() || self.wants_models();
        for host in &mut self.fleet.hosts {
            if host_due(host, now, every, busy) {
                let look = host.begin_look(now);
                self.effects.push_back(look);
                continue;
            }
            if !matches!(host.contact, Contact::Up) {
                continue;
            }
            while let Some(model) = host.inquiries.next(now) {
                let source = Source::Model { host: host.config.id.clone(), model };
                self.effects.push_back(Effect::Refresh { source, within_ms: host.pace.within_ms() });
            }
        }
        let metrics = &mut self.metrics;
        let asked = metrics.lost_at().is_some_and(|lost| now < lost);
        let due = metrics.wanted || metrics.answered.is_none_or(|at| busy && now.since(at) >= every);
        if self.config.metrics && due && !asked {
            (metrics.asked_since, metrics.wanted) = (Some(now), false);
            let within_ms = metrics.pace.within_ms();
            self.effects.push_back(Effect::Refresh { source: Source::Signals, within_ms });
        }
    }

    /// Looks at every host and at the metrics as soon as the look that is under way has ended.
    pub(super) fn look_soon(&mut self) {
        for host in &mut self.fleet.hosts {
            host.suspect = true;
        }
        self.metrics.wanted = true;
    }

    /// When the next look is due: only while jobs are under way.
    pub(super) fn next_look(&self) -> Option<Millis> {
        let every = u64::from(self.config.refresh_ms);
        let busy = !self.jobs.is_empty() || self.wants_models();
        let looked_at = |host: &&Host| busy || host.is_starting();
        let hosts = self
            .fleet
            .hosts
            .iter()
            .filter(looked_at)
            .map(|host| host.look_lost_at().unwrap_or(host.looked.plus(look_every(host, every))));
        let metrics =
            (self.config.metrics && busy).then(|| match (self.metrics.lost_at(), self.metrics.answered) {
                (Some(lost), _) => lost,
                (None, Some(at)) => at.plus(every),
                (None, None) => self.now,
            });
        hosts.chain(metrics).min()
    }
}

/// A host that served before and is gone is looked for more often.
fn look_every(host: &Host, every_ms: u64) -> u64 {
    if host.is_starting() {
        return every_ms.min(READY_MS);
    }
    let gone = matches!(host.contact, Contact::Down(_)) && !host.models.is_empty() && !host.power.may_start;
    if gone { every_ms.min(RETURN_MS) } else { every_ms }
}

fn host_due(host: &Host, now: Millis, every_ms: u64, busy: bool) -> bool {
    if host.look_lost_at().is_some_and(|lost| now < lost) {
        return false;
    }
    matches!(host.contact, Contact::Never)
        || host.suspect
        || ((busy || host.is_starting()) && now.since(host.looked) >= look_every(host, every_ms))
}
