//! Models that are wanted in memory before anybody asks them: one load for all who wait for it, on the arm that would answer.

use crate::dispatch::Dispatcher;
use crate::dispatch::attempt::Attempt;
use crate::dispatch::context::Wanted;
use crate::dispatch::job::FLEET_GRACE_MS;
use crate::dispatch::powering::Rousing;
use crate::effect::{CallOptions, Effect};
use crate::failure::{DispatchError, DispatchErrorCode, Failure, FailureKind};
use crate::fleet::{Host, Model, Residency};
use crate::lifecycle::{LifecycleActionKind, LifecycleMode, PrepareState, Prepared};
use crate::names::{HostId, JobId, Millis, ModelName};
use crate::policy::{
    Backlog, Exclusions, View, answer_context, is_cached, keep_alive_s, learn_load, load_s, refusal,
};
use crate::request::{Capability, Request};

/// Milliseconds a load of ours may take. Ollama itself gives up sooner.
const LOAD_MOST_MS: u32 = 600_000;
/// Milliseconds after a load should have ended at which it is forgotten if the driver has told nothing of it.
const LOST_MS: u64 = 30_000;
/// Milliseconds added to 1.5 times the expected time of a planned load: it begins that long before the model is needed.
const LEAD_MS: f64 = 2_000.0;
/// Milliseconds until a model that a call is loading is looked for again.
const AGAIN_MS: u64 = 1_000;
/// Seconds below which a measured load counts as none: the model was in memory.
const TELLING_LOAD_S: f64 = 0.05;
/// `prepare`s kept at a time, so that callers cannot fill memory.
const MOST: usize = 1_000;

/// A caller's `prepare` for which no load is under way yet.
#[derive(Clone, Debug)]
pub(super) struct Wanting {
    job: JobId,
    request: Request,
    since: Millis,
    /// The model is to be in memory by then.
    ready_by: Millis,
    /// When it is decided about, at the earliest.
    due: Millis,
    /// The caller has its answer.
    told: bool,
}

/// A load of ours.
#[derive(Clone, Debug)]
pub(super) struct Loading {
    pub(super) since: Millis,
    /// Seconds it is expected to take.
    load_s: f64,
    within_ms: u32,
    /// Nothing else was being loaded there when it began.
    alone: bool,
    context_tokens: Option<u32>,
    /// Who waits for it, and since when.
    waiters: Vec<(JobId, Millis)>,
}

impl Loading {
    fn lost_at(&self) -> Millis {
        self.since.plus(u64::from(self.within_ms) + LOST_MS)
    }

    fn left_s(&self, now: Millis) -> f64 {
        (self.load_s - now.since(self.since) as f64 / 1e3).max(0.1)
    }
}

/// What becomes of one `prepare` now.
enum Placing {
    Keep(Wanting),
    Answer(Wanting, Prepared),
    Load(Wanting, usize, ModelName),
    /// Its host sleeps.
    Rouse(Wanting, usize),
}

impl Dispatcher {
    /// A caller wants a model for such requests in memory after this many milliseconds.
    pub(super) fn prepare(&mut self, job: JobId, request: Request, in_ms: u64) {
        let now = self.now;
        let ready_by = now.plus(in_ms);
        let wanting = Wanting { job, request, since: now, ready_by, due: now, told: false };
        if self.wanting.len() >= MOST {
            let error = DispatchError::new(
                DispatchErrorCode::Overloaded,
                format!("{MOST} models wait to be prepared already, which is the limit"),
                "prepare each model once, not once for each caller",
            );
            self.answer(&wanting, failed(None, error));
        } else {
            self.wanting.push(wanting);
        }
    }

    /// The caller no longer waits for the model. A load that is under way goes on.
    pub(super) fn unprepare(&mut self, job: JobId) {
        self.wanting.retain(|wanting| wanting.job != job);
        for loading in self.loads.values_mut() {
            loading.waiters.retain(|(waiter, _)| *waiter != job);
        }
    }

    /// Whether a `prepare` is due for a decision, which takes a fresh look.
    pub(super) fn wants_models(&self) -> bool {
        self.wanting.iter().any(|wanting| wanting.due <= self.now)
    }

    /// Whether somebody has asked for a model that is to be in memory so soon.
    pub(super) fn wants_within(&self, ms: u64) -> bool {
        self.wanting.iter().any(|wanting| wanting.ready_by <= self.now.plus(ms))
    }

    /// Begins the loads that are due.
    pub(super) fn prepare_models(&mut self) {
        self.forget_loads();
        if !self.wants_models() {
            return;
        }
        for wanting in std::mem::take(&mut self.wanting) {
            if wanting.due > self.now {
                self.wanting.push(wanting);
                continue;
            }
            let backlogs = self.backlogs_with_queue();
            match self.placed(wanting, &backlogs) {
                Placing::Keep(wanting) => self.wanting.push(wanting),
                Placing::Rouse(wanting, position) => {
                    self.rouse(position, Rousing::Prepared);
                    self.wanting.push(wanting);
                }
                Placing::Answer(wanting, prepared) => self.answer(&wanting, prepared),
                Placing::Load(wanting, position, model) => {
                    self.load_for(&wanting, position, model, &backlogs);
                }
            }
        }
    }

    /// When time alone brings a load about, or its end.
    pub(super) fn next_load(&self) -> Option<Millis> {
        let wanted = self
            .wanting
            .iter()
            .map(|wanting| if wanting.due > self.now { wanting.due } else { self.now.plus(AGAIN_MS) });
        wanted.chain(self.loads.values().map(Loading::lost_at)).min()
    }

    fn placed(&mut self, mut wanting: Wanting, backlogs: &[Backlog]) -> Placing {
        let now = self.now;
        let matters = |name: &ModelName| wanting.request.may_be(name);
        let settles = |host: &Host| host.is_settling(matters) || host.looking.is_some();
        let known = !self.fleet.hosts.iter().any(settles);
        if !known && now.since(wanting.due) < FLEET_GRACE_MS {
            return Placing::Keep(wanting);
        }
        let named = self.with_embedder(&wanting.request);
        let request = named.as_ref().unwrap_or(&wanting.request);
        let view = View { now, ..self.view(backlogs) };
        let nothing = Exclusions::default();
        let ranked = view.rank(request, &nothing, 0);
        let Some(best) = ranked.best() else {
            if let Some(position) = ranked.unknown_sleeper(view) {
                return Placing::Rouse(wanting, position);
            }
            let decision = ranked.record(view, request, usize::MAX).decision(&self.fleet.hosts);
            let error = refusal(request, &decision);
            return Placing::Answer(wanting, failed(None, error));
        };
        let (position, host, model) = (best.position, best.host, best.model);
        let arm = Some((host.config.id.clone(), model.name.clone()));
        let loads_s = load_s(host, model, now);
        let is_warm = model.residency != Residency::Cold || model.tag.remote;
        let start_s = best.terms.start_s;
        let lead_ms = ((start_s + loads_s) * 1_500.0 + LEAD_MS) as u64;
        let begins = Millis(wanting.ready_by.0.saturating_sub(lead_ms));
        if !wanting.told && begins > now {
            let prepared =
                Prepared { begins_in_ms: begins.since(now) as f64, ..answered(arm, PrepareState::Planned) };
            self.answer(&wanting, prepared);
            (wanting.told, wanting.due) = (true, begins);
            return Placing::Keep(wanting);
        }
        if start_s > 0.0 {
            return Placing::Rouse(wanting, position);
        }
        if is_warm {
            return Placing::Answer(wanting, answered(arm, PrepareState::Warm));
        }
        let name = model.name.clone();
        if let Some(loading) = self.loads.get_mut(&(position, name.clone())) {
            if !wanting.told {
                loading.waiters.push((wanting.job, wanting.since));
            }
            return Placing::Answer(Wanting { told: true, ..wanting }, answered(arm, PrepareState::Loaded));
        }
        let loads = |attempt: &Attempt| {
            attempt.running.loading && attempt.host_position == position && attempt.model == name
        };
        if self.attempts.values().any(loads) {
            return Placing::Keep(wanting);
        }
        Placing::Load(wanting, position, name)
    }

    fn load_for(&mut self, wanting: &Wanting, position: usize, model: ModelName, backlogs: &[Backlog]) {
        if let Some(host) = self.fleet.hosts.get(position).map(|host| host.config.id.clone()) {
            let reason = format!("{model} comes to {host}: a caller asked for it");
            self.log(LifecycleMode::On, LifecycleActionKind::Prepare, &host, Some(&model), reason);
        }
        let waiter = (!wanting.told).then_some((wanting.job, wanting.since));
        self.begin_load(position, &model, &wanting.request, backlogs);
        if let (Some(loading), Some(waiter)) = (self.loads.get_mut(&(position, model)), waiter) {
            loading.waiters.push(waiter);
        }
    }

    /// Loads a model as a call of this request would.
    pub(super) fn begin_load(
        &mut self,
        position: usize,
        name: &ModelName,
        request: &Request,
        backlogs: &[Backlog],
    ) {
        let now = self.now;
        let output_tokens = answer_context(request, self.lengths.expectation(request).length.mean());
        let wanted = Wanted {
            prompt_tokens: request.context_prompt_tokens(),
            output_tokens,
            named: request.num_ctx,
            takes_options: true,
        };
        self.evict_for(position, name, backlogs);
        let context = self.context(position, name, wanted);
        let at_work = |attempt: &Attempt| attempt.host_position == position && attempt.running.loading;
        let others = self.loads.keys().any(|(host, _)| *host == position);
        let alone = !others && !self.attempts.values().any(at_work);
        let weight = self.config.tuning.keep_alive;
        let within_ms = self.config.load_timeout_ms.unwrap_or(LOAD_MOST_MS).max(LOAD_MOST_MS);
        let Some(host) = self.fleet.hosts.get_mut(position) else { return };
        let Some(model) = host.models.get(name) else { return };
        let (load_s, embeds) = (load_s(host, model, now), embeds(model));
        let keep_alive_s = keep_alive_s(host, model, now, weight);
        let Some(model) = host.models.get_mut(name) else { return };
        model.prompts.clear();
        (model.keep_alive_s, model.keep_alive_unsaid) = (keep_alive_s, None);
        model.context_unsaid = !context.is_said;
        let options =
            CallOptions { num_ctx: context.say.or(request.num_ctx), num_predict: None, keep_alive_s };
        let host = host.config.id.clone();
        self.effects.push_back(Effect::Load { host, model: name.clone(), embeds, options, within_ms });
        let context_tokens = context.known();
        let loading = Loading { since: now, load_s, within_ms, alone, context_tokens, waiters: Vec::new() };
        self.loads.insert((position, name.clone()), loading);
    }

    /// A load of ours has ended: the model is in memory, or not for this reason.
    pub(super) fn load_ended(&mut self, id: &HostId, name: &ModelName, failure: Option<&Failure>) {
        let Some(position) = self.fleet.hosts.iter().position(|host| host.config.id == *id) else { return };
        let Some(loading) = self.loads.remove(&(position, name.clone())) else { return };
        self.outcome(LifecycleActionKind::Prepare, id, Some(name), failure);
        let now = self.now;
        if let Some(host) = self.fleet.hosts.get_mut(position) {
            // A look tells how much memory it takes, and which models left for it.
            host.suspect = true;
            if failure.is_none() {
                let took_s = now.since(loading.since) as f64 / 1e3;
                if loading.alone && took_s > TELLING_LOAD_S {
                    let cached = host.models.get(name).is_some_and(|model| is_cached(model, loading.since));
                    learn_load(now, host, name, took_s, cached);
                    host.estimate();
                }
                if let Some(model) = host.models.get_mut(name) {
                    model.hold(now, loading.context_tokens);
                    model.stay.occupy(now);
                    model.keep_alive_unsaid = Some(now).filter(|_| model.keep_alive_s.is_none());
                }
            }
        }
        let prepared = match failure {
            None => answered(Some((id.clone(), name.clone())), PrepareState::Loaded),
            Some(failure) => failed(Some((id.clone(), name.clone())), could_not(id, name, failure)),
        };
        for (job, since) in loading.waiters {
            self.tell(job, since, prepared.clone());
        }
    }

    fn forget_loads(&mut self) {
        let lost = self.loads.iter().filter(|(_, loading)| loading.lost_at() <= self.now);
        let lost: Vec<(usize, ModelName)> = lost.map(|(arm, _)| arm.clone()).collect();
        for (position, model) in lost {
            let id = self.fleet.hosts.get(position).map(|host: &Host| host.config.id.clone());
            let failure = Failure::new(FailureKind::LoadTimeout, "nothing was heard of the load");
            if let Some(id) = id {
                self.load_ended(&id, &model, Some(&failure));
            }
        }
    }

    /// Counts our loads among what the hosts have to do.
    pub(super) fn add_loads(&self, backlogs: &mut [Backlog]) {
        for ((position, model), loading) in &self.loads {
            if let Some(backlog) = backlogs.get_mut(*position) {
                backlog.load(model, loading.left_s(self.now));
            }
        }
    }

    fn answer(&mut self, wanting: &Wanting, prepared: Prepared) {
        if !wanting.told {
            self.tell(wanting.job, wanting.since, prepared);
        }
    }

    fn tell(&mut self, job: JobId, since: Millis, prepared: Prepared) {
        let prepared = Prepared { ms: self.now.since(since) as f64, ..prepared };
        self.effects.push_back(Effect::Prepared { job, prepared });
    }
}

fn embeds(model: &Model) -> bool {
    model.has(Capability::Embedding) == Some(true) && model.has(Capability::Completion) != Some(true)
}

fn answered(arm: Option<(HostId, ModelName)>, state: PrepareState) -> Prepared {
    let (host, model) = arm.map_or((None, None), |(host, model)| (Some(host), Some(model)));
    Prepared { ok: true, state, host, model, ms: 0.0, begins_in_ms: 0.0, error: None }
}

fn failed(arm: Option<(HostId, ModelName)>, error: DispatchError) -> Prepared {
    Prepared { ok: false, error: Some(error), ..answered(arm, PrepareState::Failed) }
}

fn could_not(host: &HostId, model: &ModelName, failure: &Failure) -> DispatchError {
    let message = format!("{host} could not load {model}: {}: {}", failure.kind.as_str(), failure.detail);
    let hint = "`smart-ai verify` says what is wrong with the host";
    DispatchError::new(DispatchErrorCode::AllFailed, message, hint)
}
