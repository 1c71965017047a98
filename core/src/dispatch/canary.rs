//! Canaries: a loaded model of a host that failed is asked for one token before a job is sent there. That a host lists its
//! models says nothing: one whose scheduler is stuck still does.

use crate::dispatch::Dispatcher;
use crate::effect::{CallOptions, Effect, Source};
use crate::failure::{Failure, FailureKind};
use crate::fleet::{Contact, Host, Model, Residency};
use crate::names::{HostId, Millis, ModelName};
use crate::request::Capability;

/// Milliseconds a canary may take: a loaded model writes one token well within it.
const CANARY_MS: u32 = 10_000;
/// Milliseconds after which a canary is forgotten if the driver has told nothing of it.
const CANARY_LOST_MS: u64 = 30_000;

impl Dispatcher {
    /// Asks for a token wherever a pause is over and no call of ours is under way. What is loaded is looked at before, so that
    /// nothing is loaded for it.
    pub(super) fn send_canaries(&mut self) {
        let (now, fresh_ms) = (self.now, u64::from(self.config.refresh_ms));
        for position in 0..self.fleet.hosts.len() {
            if let Some(host) = self.fleet.hosts.get_mut(position).filter(|host| host.failed) {
                host.failed = host.canary.is_some() || is_on_trial(host);
            }
            self.forget_canary(position);
            if self.canary_due(position).is_none_or(|due| due > now) {
                continue;
            }
            let Some(host) = self.fleet.hosts.get_mut(position) else { continue };
            let id = host.config.id.clone();
            if now.since(host.looked) > fresh_ms {
                let look = host.begin_look(now);
                self.effects.push_back(look);
                continue;
            }
            let model = asked(host).find(|model| due_at(host, model) <= now).map(|model| model.name.clone());
            let Some(model) = model.and_then(|name| host.models.get_mut(&name)) else { continue };
            host.canary = Some((model.name.clone(), now));
            host.breaker.canary_goes();
            model.breaker.canary_goes();
            let options =
                CallOptions { num_ctx: context_of(model), num_predict: Some(1), keep_alive_s: None };
            let source = Source::Canary { host: id, model: model.name.clone(), options };
            self.effects.push_back(Effect::Refresh { source, within_ms: CANARY_MS });
        }
    }

    /// When time alone brings the next one about.
    pub(super) fn next_canary(&self) -> Option<Millis> {
        let at = |(position, host): (usize, &Host)| match &host.canary {
            Some((_, since)) => Some(since.plus(CANARY_LOST_MS)),
            None => self.canary_due(position).filter(|due| *due > self.now),
        };
        self.fleet.hosts.iter().enumerate().filter_map(at).min()
    }

    /// When a canary may go to a host that is up and has nothing of ours to do.
    fn canary_due(&self, position: usize) -> Option<Millis> {
        let host = self.fleet.hosts.get(position).filter(|host| host.failed && self.config.canary)?;
        if host.canary.is_some() || !matches!(host.contact, Contact::Up) {
            return None;
        }
        let due = asked(host).map(|model| due_at(host, model)).min()?;
        let busy = self.attempts.values().any(|attempt| attempt.host_position == position);
        // A look under way comes first.
        let seen = host.look_lost_at().unwrap_or(Millis(0));
        (!busy).then_some(due.max(seen))
    }

    /// A token came, which proves what a job's answer would; or none did, and the pause grows.
    pub(super) fn canary_ended(&mut self, id: &HostId, model: &ModelName, failure: Option<&Failure>) {
        let now = self.now;
        let Some(host) = self.fleet.host_mut(id) else { return };
        if host.canary.take_if(|(asked, _)| asked == model).is_none() {
            return;
        }
        host.breaker.canary_ended(now, failure);
        if failure.is_none() {
            host.moved = now;
        }
        let Some(model) = host.models.get_mut(model) else { return };
        model.stay.occupy(now);
        model.breaker.canary_ended(now, failure);
        model.reliability.observe(now, failure.is_none());
        model.failing = model.reliability.failure_probability(now);
    }

    /// A canary that brought no event in time counts as failed.
    fn forget_canary(&mut self, position: usize) {
        let Some(host) = self.fleet.hosts.get(position) else { return };
        let Some((model, since)) = host.canary.clone() else { return };
        if self.now.since(since) >= CANARY_LOST_MS {
            let failure = Failure::new(FailureKind::FirstTokenTimeout, "nothing was heard of a canary");
            self.canary_ended(&host.config.id.clone(), &model, Some(&failure));
        }
    }
}

fn is_on_trial(host: &Host) -> bool {
    host.breaker.is_on_trial() || host.models.values().any(|model| model.breaker.is_on_trial())
}

/// Loaded models that write, of which a token would tell something.
fn asked(host: &Host) -> impl Iterator<Item = &Model> {
    host.models.values().map(Box::as_ref).filter(|model| {
        (host.breaker.is_on_trial() || model.breaker.is_on_trial())
            && model.residency != Residency::Cold
            && model.has(Capability::Completion) == Some(true)
            && !model.tag.remote
    })
}

fn due_at(host: &Host, model: &Model) -> Millis {
    host.breaker.opens().max(model.breaker.opens())
}

/// The context it was loaded with: another one would load it anew.
fn context_of(model: &Model) -> Option<u32> {
    match model.residency {
        Residency::Resident { context_tokens, .. } => context_tokens.or(model.pinned_context),
        Residency::Cold => None,
    }
}
