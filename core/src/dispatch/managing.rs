//! Models come and go by themselves: those that nobody uses leave memory, those that will be used are loaded shortly before.
//! Nothing is done on what was not just seen, nothing to a model in use or waited for, and no more than the owner's cap.

use std::collections::{BTreeMap, VecDeque};

use crate::dispatch::Dispatcher;
use crate::dispatch::acted::Acted;
use crate::dispatch::habits::Habit;
use crate::dispatch::job::JobState;
use crate::dispatch::powering::last_use;
use crate::effect::Effect;
use crate::failure::{Failure, FailureKind};
use crate::fleet::{Contact, DEFAULT_KEEP_ALIVE_S, Host, Model, Residency};
use crate::lifecycle::{Absence, Holding, LifecycleActionKind, LifecycleMode, duration, holding, seconds};
use crate::names::{HostId, JobId, Millis, ModelName};
use crate::policy::{load_s, value_per_gb};

/// Milliseconds after which an unload is forgotten if the driver has told nothing of it.
const UNLOAD_LOST_MS: u64 = 60_000;
/// Milliseconds an unload may take: Ollama answers it at once.
const UNLOAD_MS: u32 = 30_000;
const HOUR_MS: u64 = 3_600_000;
/// Seconds within which a model that leaves by itself is not unloaded.
const SOON_S: f64 = 2.0;
/// Seconds that a model may stay longer than the host's own keep-alive explains, as clocks differ. Beyond that, somebody has asked
/// for it to stay.
const SLACK_S: f64 = 5.0;

/// What is known of comings and goings over the whole fleet.
#[derive(Clone, Debug, Default)]
pub(super) struct Managing {
    /// Another program acts.
    pub(super) standby: Option<String>,
    /// Do what is due once, whatever the mode.
    apply: bool,
    /// When actions of the last hour were begun.
    pub(super) actions: VecDeque<Millis>,
    pub(super) acted: Acted,
    pub(super) habits: BTreeMap<ModelName, Habit>,
    pub(super) unloading: BTreeMap<(usize, ModelName), Millis>,
    next: Option<Millis>,
}

/// Models that are in use, or about to be.
pub(super) struct Engaged<'a> {
    /// By the place of their host.
    models: Vec<Vec<&'a ModelName>>,
}

/// Why a model in memory stays, or when it leaves.
pub(super) enum Fate {
    /// It stays until its owner or a client lets it go, for this reason.
    Kept(&'static str),
    /// In use, or about to be.
    InUse,
    /// It leaves then, unless it is used.
    Leaves(Millis),
}

impl Managing {
    /// Whether something was to be done by now.
    pub(super) fn is_due(&self, now: Millis) -> bool {
        self.next.is_some_and(|next| next <= now)
    }
}

impl Dispatcher {
    /// A call of a model begins.
    pub(super) fn note_use(&mut self, job: JobId, position: usize, name: &ModelName) {
        let now = self.now;
        let Some(request) = self.jobs.get(&job).map(|job| &job.request) else { return };
        if let Some(host) = self.fleet.hosts.get_mut(position) {
            if let Some(used) = last_use(host).filter(|used| now.since(*used) >= 1_000) {
                host.power.gaps.observe(seconds(used, now));
            }
            if let Some(model) = host.models.get_mut(name) {
                model.stay.begin_use(now);
            }
        }
        match self.managing.habits.get_mut(name) {
            Some(habit) => habit.begin_use(now, request),
            None => drop(self.managing.habits.insert(name.clone(), Habit::new(now, request))),
        }
    }

    /// Models with calls under way are in use.
    pub(super) fn note_in_use(&mut self) {
        for attempt in self.attempts.values() {
            let host = self.fleet.hosts.get_mut(attempt.host_position);
            if let Some(model) = host.and_then(|host| host.models.get_mut(&attempt.model)) {
                model.stay.occupy(self.now);
            }
        }
    }

    /// Another program acts on this fleet, or none does any more.
    pub(super) fn stand_by(&mut self, holder: Option<String>) {
        self.managing.standby = holder;
    }

    /// Does what is due once, whatever the mode.
    pub(super) fn apply_lifecycle(&mut self) {
        self.managing.apply = true;
    }

    pub(super) fn next_action(&self) -> Option<Millis> {
        let lost = self.managing.unloading.values().map(|since| since.plus(UNLOAD_LOST_MS));
        lost.chain(self.managing.next).min()
    }

    /// Does what is due, and notes when the next thing will be.
    pub(super) fn manage(&mut self) {
        let now = self.now;
        self.forget_unloads();
        self.managing.next = None;
        let apply = std::mem::take(&mut self.managing.apply);
        let mode = if apply { LifecycleMode::On } else { self.config.lifecycle.mode };
        if mode == LifecycleMode::Off || (self.managing.standby.is_some() && !apply) {
            return;
        }
        while self.managing.actions.front().is_some_and(|at| now.since(*at) >= HOUR_MS) {
            self.managing.actions.pop_front();
        }
        let mut next: Vec<Millis> = Vec::new();
        self.prewarm(mode, &mut next);
        self.let_go(mode, &mut next);
        self.stop_idle(&mut next);
        self.managing.next = next.into_iter().filter(|at| *at > now).min();
    }

    /// Unloads what is due, what is worth least first.
    fn let_go(&mut self, mode: LifecycleMode, next: &mut Vec<Millis>) {
        let now = self.now;
        // A job without an arm yet may want any model.
        let open = self.jobs.values().any(|job| matches!(job.state, JobState::Waiting(_)));
        let engaged = self.engaged();
        let mut due: Vec<(f64, usize, ModelName)> = Vec::new();
        for (position, host) in self.fleet.hosts.iter().enumerate() {
            if !matches!(host.contact, Contact::Up) {
                continue;
            }
            for model in host.models.values().filter(|model| model.residency != Residency::Cold) {
                match self.fate(&engaged, position, model) {
                    Fate::Leaves(at) if at > now => next.push(at),
                    Fate::Leaves(_) if model.stay.absence.is_some() || open => {}
                    Fate::Leaves(_) => {
                        due.push((value_per_gb(host, model, now), position, model.name.clone()));
                    }
                    Fate::Kept(_) | Fate::InUse => {}
                }
            }
        }
        due.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.2.cmp(&right.2)));
        for (_, position, name) in due {
            if !self.is_just_seen(position, next) || !self.may_act(mode, next) {
                continue;
            }
            self.unload(mode, position, &name);
        }
    }

    /// Whether a host was just looked at; else it is, and decided about then.
    pub(super) fn is_just_seen(&mut self, position: usize, next: &mut Vec<Millis>) -> bool {
        let (now, fresh_ms) = (self.now, u64::from(self.config.refresh_ms));
        let Some(host) = self.fleet.hosts.get_mut(position) else { return false };
        if let Some(lost) = host.look_lost_at().filter(|lost| now < *lost) {
            next.push(lost);
            return false;
        }
        if now.since(host.looked) > fresh_ms {
            let look = host.begin_look(now);
            next.extend(host.look_lost_at());
            self.effects.push_back(look);
            return false;
        }
        true
    }

    /// Something was begun that counts against the cap.
    pub(super) fn count_action(&mut self) {
        self.managing.actions.push_back(self.now);
    }

    /// Whether a model of the host is being unloaded.
    pub(super) fn is_unloading(&self, position: usize) -> bool {
        self.managing.unloading.keys().any(|(at, _)| *at == position)
    }

    /// Whether the cap of the hour has room.
    pub(super) fn may_act(&self, mode: LifecycleMode, next: &mut Vec<Millis>) -> bool {
        let most = self.config.lifecycle.max_actions_per_hour as usize;
        let room = mode == LifecycleMode::DryRun || self.managing.actions.len() < most;
        if !room {
            next.extend(self.managing.actions.front().map(|at| at.plus(HOUR_MS)));
        }
        room
    }

    /// The models that calls, waiting jobs, loads, unloads or trials have to do with, by the place of their host.
    pub(super) fn engaged(&self) -> Engaged<'_> {
        let mut models: Vec<Vec<&ModelName>> = vec![Vec::new(); self.fleet.hosts.len()];
        let called = self.attempts.values().map(|attempt| (attempt.host_position, &attempt.model));
        let wished = self.jobs.values().filter_map(|job| job.wish.as_ref());
        let waited_for = wished.map(|wish| (wish.position, &wish.model));
        let loading = self.loads.keys().map(|(at, model)| (*at, model));
        let unloading = self.managing.unloading.keys().map(|(at, model)| (*at, model));
        for (at, model) in called.chain(waited_for).chain(loading).chain(unloading) {
            if let Some(models) = models.get_mut(at) {
                models.push(model);
            }
        }
        for (models, host) in models.iter_mut().zip(&self.fleet.hosts) {
            models.extend(host.canary.as_ref().map(|(model, _)| model));
        }
        Engaged { models }
    }

    /// What becomes of a model in memory, and when.
    pub(super) fn fate(&self, engaged: &Engaged<'_>, position: usize, model: &Model) -> Fate {
        let lifecycle = &self.config.lifecycle;
        let Some(host) = self.fleet.hosts.get(position) else { return Fate::InUse };
        // Tags of one file share a runner.
        let twin = |other: &Model| {
            other.name == model.name || (!model.tag.digest.is_empty() && other.tag.digest == model.tag.digest)
        };
        let is_twin = |name: &&ModelName| host.models.get(*name).is_some_and(|other| twin(other));
        if engaged.models.get(position).is_some_and(|models| models.iter().any(is_twin)) {
            return Fate::InUse;
        }
        if !lifecycle.override_keep_alive
            && let Some(why) = kept_by_owner(host, model)
        {
            return Fate::Kept(why);
        }
        let twins = || host.models.values().filter(|other| twin(other));
        let used = twins().filter_map(|twin| twin.stay.used).max().unwrap_or(self.now);
        let since = twins().filter_map(|twin| twin.stay.since).max().unwrap_or(self.now);
        let reserved = twins().map(|twin| twin.stay.reserved_until).max().unwrap_or_default();
        let hold_ms = (self.holding(host, model).hold_s * 1e3) as u64;
        let least = since.plus(u64::from(lifecycle.min_resident_s) * 1_000);
        let leaves = used.plus(hold_ms).max(least).max(reserved);
        let by_itself = model.stay.expires.filter(|at| seconds(self.now, *at) < SOON_S);
        by_itself.map_or(Fate::Leaves(leaves), |at| Fate::Leaves(leaves.max(at.plus(1))))
    }

    pub(super) fn holding(&self, host: &Host, model: &Model) -> Holding {
        let bytes = match model.residency {
            Residency::Resident { bytes, .. } => bytes as f64,
            Residency::Cold => host.needed_bytes(model, 0),
        };
        let Model { stay, .. } = model;
        holding(&self.config.lifecycle, &stay.gaps, stay.patience, load_s(host, model, self.now), bytes)
    }

    /// Seconds that a call asks its host to keep the model at least, so that it does not leave before it is to; 0 where that is
    /// left to the host.
    pub(super) fn held_s(&self, position: usize, name: &ModelName) -> u32 {
        if self.config.lifecycle.mode != LifecycleMode::On {
            return 0;
        }
        let host = self.fleet.hosts.get(position);
        let held = host.and_then(|host| Some(self.holding(host, host.models.get(name)?).hold_s));
        held.map_or(0, |hold_s| (hold_s + SLACK_S) as u32)
    }

    fn unload(&mut self, mode: LifecycleMode, position: usize, name: &ModelName) {
        let now = self.now;
        let Some(host) = self.fleet.hosts.get(position) else { return };
        let Some(model) = host.models.get(name) else { return };
        let held = self.holding(host, model);
        let idle_s = model.stay.used.map_or(0.0, |used| seconds(used, now));
        let next = match self.expected(name) {
            Some(at) => format!(", next use expected in {}", duration(seconds(now, at))),
            None => String::new(),
        };
        let (id, digest) = (host.config.id.clone(), model.tag.digest.clone());
        let reason = format!(
            "{name} leaves {id}: {:.1} GB, {} to load, last used {} ago{next}",
            held.gb,
            duration(held.load_s),
            duration(idle_s)
        );
        let by_itself = now.plus(u64::from(host.likely_keep_alive_s()) * 1_000);
        self.log(mode, LifecycleActionKind::Unload, &id, Some(name), reason);
        let Some(host) = self.fleet.hosts.get_mut(position) else { return };
        for twin in host.models.values_mut() {
            if twin.name != *name && (digest.is_empty() || twin.tag.digest != digest) {
                continue;
            }
            if twin.name == *name {
                let kept_until = twin.stay.expires.unwrap_or(by_itself);
                twin.stay.absence = Some(Absence { since: now, gb: held.gb, kept_until });
            }
            if mode == LifecycleMode::On {
                twin.residency = Residency::Cold;
                twin.stay.since = None;
                twin.prompts.clear();
            }
        }
        if mode == LifecycleMode::On {
            self.count_action();
            self.managing.unloading.insert((position, name.clone()), now);
            self.effects.push_back(Effect::Unload { host: id, model: name.clone(), within_ms: UNLOAD_MS });
        }
    }

    /// Forgets unloads that brought no event in time.
    fn forget_unloads(&mut self) {
        let lost = |since: Millis| self.now.since(since) >= UNLOAD_LOST_MS;
        let lost = self.managing.unloading.iter().filter(|(_, since)| lost(**since));
        let lost: Vec<(usize, ModelName)> = lost.map(|(arm, _)| arm.clone()).collect();
        for (position, name) in lost {
            let id = self.fleet.hosts.get(position).map(|host| host.config.id.clone());
            let failure = Failure::new(FailureKind::Unreachable, "nothing was heard of the unload");
            if let Some(id) = id {
                self.unload_ended(&id, &name, Some(&failure));
            }
        }
    }

    /// A host has taken an unload, or not.
    pub(super) fn unload_ended(&mut self, id: &HostId, name: &ModelName, failure: Option<&Failure>) {
        let Some(position) = self.fleet.hosts.iter().position(|host| host.config.id == *id) else { return };
        self.managing.unloading.remove(&(position, name.clone()));
        self.outcome(LifecycleActionKind::Unload, id, Some(name), failure);
        if let Some(host) = self.fleet.hosts.get_mut(position) {
            // A look tells whether it has left.
            host.suspect = true;
            if let Some(model) = host.models.get_mut(name) {
                if failure.is_some() {
                    model.stay.absence = None;
                } else {
                    (model.keep_alive_s, model.keep_alive_unsaid) = (None, None);
                }
            }
        }
    }
}

/// Why only its owner, or whoever asked for it, lets a model go.
fn kept_by_owner(host: &Host, model: &Model) -> Option<&'static str> {
    let usual_s = f64::from(DEFAULT_KEEP_ALIVE_S);
    if model.tag.remote {
        return Some("runs elsewhere");
    }
    if model.pinned {
        return Some("kept for ever by its owner or a client (keep_alive -1)");
    }
    if host.keep_alive_s().is_some_and(|own_s| f64::from(own_s) > usual_s) {
        return Some("its host keeps models longer than five minutes (OLLAMA_KEEP_ALIVE)");
    }
    let said_s = f64::from(model.keep_alive_s.unwrap_or(0)).max(usual_s);
    let longer = model.stay.session_s().is_some_and(|session_s| session_s > said_s + SLACK_S);
    longer.then_some("a client asked for a longer stay (keep_alive)")
}
