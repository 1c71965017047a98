//! Models come and go by themselves: those that nobody uses leave memory, those that will be used are loaded shortly before.
//! Nothing is done on what was not just seen, nothing to a model in use or waited for, and no more than the owner's cap.

use std::collections::{BTreeMap, VecDeque};

use crate::dispatch::Dispatcher;
use crate::dispatch::job::JobState;
use crate::dispatch::powering::{Rousing, last_use};
use crate::effect::Effect;
use crate::failure::Failure;
use crate::fleet::{Contact, DEFAULT_KEEP_ALIVE_S, Host, Model, Residency};
use crate::lifecycle::{
    Absence, Holding, LifecycleAction, LifecycleActionKind, LifecycleMode, LifecycleModel, LifecycleReport,
    NEAR_MS, Rhythm, duration, holding, seconds,
};
use crate::names::{HostId, JobId, Millis, ModelName};
use crate::policy::{Backlog, Exclusions, InMemory, View, load_s, value_per_gb};
use crate::request::Request;

/// An unload that brought no event by then is forgotten.
const UNLOAD_LOST_MS: u64 = 60_000;
/// Milliseconds an unload may take: a host answers it at once.
const UNLOAD_MS: u32 = 30_000;
const HOUR_MS: u64 = 3_600_000;
/// A model that was not used for so long begins anew when it is.
const START_GAP_MS: u64 = 120_000;
/// Loads begin so much before they are expected: the load's expected time × 1.5, and this.
const LEAD_MS: f64 = 5_000.0;
/// Actions that are told of.
const TOLD: usize = 50;
/// A model that would leave by itself so soon is left to it.
const SOON_S: f64 = 2.0;
/// The host's own keep-alive may be so much longer than is believed before somebody is said to want it.
const SLACK_S: f64 = 5.0;

/// What is known of comings and goings over the whole fleet.
#[derive(Clone, Debug, Default)]
pub(super) struct Managing {
    /// Another program acts.
    standby: Option<String>,
    /// Once, whatever the mode.
    apply: bool,
    /// When actions of the last hour were begun.
    actions: VecDeque<Millis>,
    log: VecDeque<LifecycleAction>,
    numbered: u64,
    habits: BTreeMap<ModelName, Habit>,
    pub(super) unloading: BTreeMap<(usize, ModelName), Millis>,
    next: Option<Millis>,
}

/// When a model is used, wherever it runs.
#[derive(Clone, Debug)]
struct Habit {
    rhythm: Rhythm,
    /// The last request, as an example of the next.
    example: Request,
    last: Millis,
    /// When the next use is expected that comes back by the clock, as of the last start.
    expected: Option<Millis>,
    /// The expected use that was seen to.
    dealt: Millis,
}

impl Habit {
    fn new(now: Millis, request: &Request) -> Self {
        let mut rhythm = Rhythm::default();
        rhythm.start(now);
        Self { rhythm, example: request.clone(), last: now, expected: None, dealt: Millis(0) }
    }

    fn start(&mut self, now: Millis, request: &Request) {
        self.rhythm.start(now);
        self.example.clone_from(request);
        self.expected = self.rhythm.expected(now);
    }

    /// The next expected use; one that has not come is given up.
    fn expect(&mut self, now: Millis) -> Option<Millis> {
        if self.expected.is_some_and(|at| at.plus(NEAR_MS) <= now) {
            self.expected = self.rhythm.expected(now);
        }
        self.expected
    }
}

/// Why a model in memory stays, or when it leaves.
enum Fate {
    /// Nobody but its owner or a client lets it go.
    Kept(&'static str),
    /// In use, or about to be.
    InUse,
    /// It leaves then, unless it is used.
    Leaves(Millis),
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
        if let Some(habit) = self.managing.habits.get_mut(name) {
            if now.since(habit.last) >= START_GAP_MS {
                habit.start(now, request);
            }
            habit.last = now;
        } else {
            self.managing.habits.insert(name.clone(), Habit::new(now, request));
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
        self.managing.unloading.retain(|_, since| now.since(*since) < UNLOAD_LOST_MS);
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
        let mut due: Vec<(f64, usize, ModelName)> = Vec::new();
        for (position, host) in self.fleet.hosts.iter().enumerate() {
            if !matches!(host.contact, Contact::Up) {
                continue;
            }
            for model in host.models.values().filter(|model| model.residency != Residency::Cold) {
                match self.fate(position, host, model) {
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
    fn is_just_seen(&mut self, position: usize, next: &mut Vec<Millis>) -> bool {
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

    /// What becomes of a model in memory, and when.
    fn fate(&self, position: usize, host: &Host, model: &Model) -> Fate {
        let lifecycle = &self.config.lifecycle;
        // Tags of one file share a runner.
        let twin = |other: &Model| {
            other.name == model.name || (!model.tag.digest.is_empty() && other.tag.digest == model.tag.digest)
        };
        let is_twin = |name: &ModelName| host.models.get(name).is_some_and(twin);
        let called = self.attempts.values().any(|at| at.host_position == position && is_twin(&at.model));
        let wished = self.jobs.values().filter_map(|job| job.wish.as_ref());
        let waited_for = wished.into_iter().any(|wish| wish.position == position && is_twin(&wish.model));
        let ours = |(at, name): &(usize, ModelName)| *at == position && is_twin(name);
        let moving = self.loads.keys().any(ours) || self.managing.unloading.keys().any(ours);
        let asked = host.canary.as_ref().is_some_and(|(name, _)| is_twin(name));
        if called || waited_for || moving || asked {
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

    fn holding(&self, host: &Host, model: &Model) -> Holding {
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
        self.log(mode, LifecycleActionKind::Unload, &id, Some(name), reason);
        if mode == LifecycleMode::On {
            self.managing.actions.push_back(now);
            self.managing.unloading.insert((position, name.clone()), now);
            self.effects.push_back(Effect::Unload { host: id, model: name.clone(), within_ms: UNLOAD_MS });
        }
    }

    /// A host has taken an unload, or not.
    pub(super) fn unload_ended(&mut self, id: &HostId, name: &ModelName, failure: Option<&Failure>) {
        let Some(position) = self.fleet.hosts.iter().position(|host| host.config.id == *id) else { return };
        self.managing.unloading.remove(&(position, name.clone()));
        self.outcome(LifecycleActionKind::Unload, id, Some(name), failure);
        if let Some(host) = self.fleet.hosts.get_mut(position) {
            // Whether it has left, the host knows best.
            host.suspect = true;
            if let Some(model) = host.models.get_mut(name).filter(|_| failure.is_some()) {
                model.stay.absence = None;
            }
        }
    }

    /// Loads models shortly before uses that come back by the clock.
    fn prewarm(&mut self, mode: LifecycleMode, next: &mut Vec<Millis>) {
        if !self.config.lifecycle.prewarm {
            return;
        }
        let now = self.now;
        let expected: Vec<(ModelName, Millis)> = self
            .managing
            .habits
            .iter_mut()
            .filter_map(|(name, habit)| Some((name.clone(), habit.expect(now)?)))
            .collect();
        for (name, at) in expected {
            let until = at.plus(NEAR_MS);
            let mut lead_ms: Option<u64> = None;
            let mut there = false;
            for host in &mut self.fleet.hosts {
                let rises_s = host.rises_in_s(now);
                if rises_s.is_none() && !matches!(host.contact, Contact::Up) {
                    continue;
                }
                let Some(model) = host.models.get(&name) else { continue };
                let comes_s = rises_s.unwrap_or(0.0) + load_s(host, model, now);
                let lead = (comes_s * 1_500.0 + LEAD_MS) as u64;
                lead_ms = Some(lead_ms.map_or(lead, |least| least.min(lead)));
                let Some(model) = host.models.get_mut(&name) else { continue };
                if model.residency != Residency::Cold {
                    there = true;
                    // Loading it again would take longer than it is held.
                    if at.since(now) <= lead {
                        model.stay.reserved_until = model.stay.reserved_until.max(until);
                    }
                }
            }
            let Some(lead_ms) = lead_ms else { continue };
            let begins = Millis(at.0.saturating_sub(lead_ms));
            if begins > now {
                next.push(begins);
                continue;
            }
            let dealt = self.managing.habits.get(&name).is_some_and(|habit| habit.dealt == at);
            let loading = self.loads.keys().any(|(_, model)| *model == name);
            if there || dealt || loading || !self.may_act(mode, next) {
                next.push(until);
                continue;
            }
            next.push(now.plus(1_000));
            self.prewarm_one(mode, &name, at, next);
        }
    }

    fn prewarm_one(&mut self, mode: LifecycleMode, name: &ModelName, at: Millis, next: &mut Vec<Millis>) {
        let now = self.now;
        let Some(habit) = self.managing.habits.get(name) else { return };
        let request = Request { model: Some(name.clone()), models: None, ..habit.example.clone() };
        let backlogs: Vec<Backlog> = self.backlogs_with_queue();
        let view = View { now, ..self.view(&backlogs) };
        let nothing = Exclusions::default();
        let ranked = view.rank(&request, &nothing, 0);
        let Some(best) = ranked.best() else { return };
        let (position, id) = (best.position, best.host.config.id.clone());
        if best.terms.start_s > 0.0 {
            self.rouse(position, Rousing::Expected(name, seconds(now, at)));
            if let Some(host) = self.fleet.hosts.get_mut(position) {
                host.power.reserved_until = at.plus(NEAR_MS);
            }
            return;
        }
        let Some(backlog) = backlogs.get(position) else { return };
        let in_memory = InMemory::of(best.host, backlog);
        let bound = best.host.memory_bound(now, self.config.stale_after_ms());
        // Nobody is pushed out for what may not come.
        let has_room = in_memory.takes(best.host, best.host.needed_bytes(best.model, 0), bound);
        let load_s = load_s(best.host, best.model, now);
        if !has_room || !self.is_just_seen(position, next) {
            return;
        }
        if let Some(habit) = self.managing.habits.get_mut(name) {
            habit.dealt = at;
        }
        let reason = format!(
            "{name} comes to {id}: {} to load, its use is expected in {}",
            duration(load_s),
            duration(seconds(now, at))
        );
        self.log(mode, LifecycleActionKind::Prewarm, &id, Some(name), reason);
        if mode == LifecycleMode::On {
            self.managing.actions.push_back(now);
            self.begin_load(position, name, &request, &backlogs);
            let host = self.fleet.hosts.get_mut(position);
            if let Some(model) = host.and_then(|host| host.models.get_mut(name)) {
                model.stay.reserved_until = at.plus(NEAR_MS);
            }
        }
    }

    fn expected(&self, name: &ModelName) -> Option<Millis> {
        self.managing.habits.get(name)?.expected
    }

    pub(super) fn log(
        &mut self,
        mode: LifecycleMode,
        action: LifecycleActionKind,
        host: &HostId,
        model: Option<&ModelName>,
        reason: String,
    ) {
        let outcome = if mode == LifecycleMode::On { "begun" } else { "dry_run" }.to_owned();
        self.managing.numbered += 1;
        let (number, at) = (self.managing.numbered, self.now);
        let (host, model) = (host.clone(), model.cloned());
        self.managing.log.push_front(LifecycleAction { number, at, action, host, model, reason, outcome });
        self.managing.log.truncate(TOLD);
    }

    /// The last action of this kind has ended.
    pub(super) fn outcome(
        &mut self,
        kind: LifecycleActionKind,
        host: &HostId,
        model: Option<&ModelName>,
        failure: Option<&Failure>,
    ) {
        let begun = |action: &&mut LifecycleAction| {
            family(action.action) == family(kind)
                && action.host == *host
                && action.model.as_ref() == model
                && action.outcome == "begun"
        };
        if let Some(action) = self.managing.log.iter_mut().find(begun) {
            failure.map_or("ok", |failure| failure.kind.as_str()).clone_into(&mut action.outcome);
        }
    }

    /// What is in memory and why, what was done lately, and what that has saved.
    pub fn lifecycle(&self, now: Millis) -> LifecycleReport {
        let now = self.now.max(now);
        let (mut always, mut kept) = (0.0, 0.0);
        let mut models = Vec::new();
        for (position, host) in self.fleet.hosts.iter().enumerate() {
            let asleep = host.power.saved_gb_s(now, host.config.start.as_ref());
            always += asleep;
            kept += asleep;
            for model in host.models.values() {
                let saved = model.stay.saved(now);
                always += saved.0;
                kept += saved.1;
                let expected = self.expected(&model.name);
                if model.residency != Residency::Cold || expected.is_some() {
                    models.push(self.told(now, position, host, model, expected));
                }
            }
        }
        LifecycleReport {
            mode: self.config.lifecycle.mode,
            standby: self.managing.standby.clone(),
            actions_last_hour: self.managing.actions.len() as u32,
            max_actions_per_hour: self.config.lifecycle.max_actions_per_hour,
            saved_gb_hours_always_on: always / 3_600.0,
            saved_gb_hours_keep_alive: kept / 3_600.0,
            hosts: self.powers(now),
            models,
            actions: self.managing.log.iter().cloned().collect(),
        }
    }

    fn told(
        &self,
        now: Millis,
        position: usize,
        host: &Host,
        model: &Model,
        expected: Option<Millis>,
    ) -> LifecycleModel {
        let resident = model.residency != Residency::Cold;
        let held = self.holding(host, model);
        let fate = if resident { Some(self.fate(position, host, model)) } else { None };
        let leaves = if let Some(Fate::Leaves(at)) = &fate { Some(*at) } else { None };
        let by = if held.learned { "its learned gaps of use" } else { "what its load is worth" };
        let why = match fate {
            None => format!("not in memory; {} to load", duration(held.load_s)),
            Some(Fate::InUse) => "in use, or about to be".to_owned(),
            Some(Fate::Kept(why)) => why.to_owned(),
            Some(Fate::Leaves(_)) if model.stay.absence.is_some() => "would have left".to_owned(),
            Some(Fate::Leaves(_)) => format!("held {} after its last use, by {by}", duration(held.hold_s)),
        };
        LifecycleModel {
            host: host.config.id.clone(),
            model: model.name.clone(),
            resident,
            gb: held.gb,
            load_s: held.load_s,
            idle_s: model.stay.used.map(|used| seconds(used, now)),
            hold_s: held.hold_s,
            p95_gap_s: held.p95_gap_s,
            value_per_gb: value_per_gb(host, model, now),
            leaves_in_s: leaves.map(|at| seconds(now, at)),
            expected_in_s: expected.map(|at| seconds(now, at)),
            why,
        }
    }
}

/// Loads of every cause end alike.
fn family(kind: LifecycleActionKind) -> LifecycleActionKind {
    if kind == LifecycleActionKind::Prewarm { LifecycleActionKind::Prepare } else { kind }
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
