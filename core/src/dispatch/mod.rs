//! The state machine: events in, effects out, time given from outside.

mod acted;
mod assess;
mod attempt;
mod budget;
mod calls;
mod canary;
mod cold;
mod comparison;
mod context;
mod embedder;
mod ending;
mod failing;
mod habits;
mod hedge;
mod job;
mod knowledge;
mod load;
mod managing;
mod outlook;
mod patience;
mod powering;
mod preparing;
mod prewarming;
mod queue;
mod slots;
mod telling;
mod timeouts;
mod waking;
mod watch;
mod wish;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::config::Config;
use crate::decision::Decision;
use crate::effect::{Effect, Step};
use crate::event::{Event, HostState, ModelState, SignalsState};
use crate::failure::Failure;
use crate::fleet::{Breaker, Fleet};
use crate::learn::{Arrivals, Lengths, Qualities};
use crate::lifecycle::LifecycleMode;
use crate::names::{AttemptId, HostId, JobId, Millis, ModelName};
use crate::policy::{Backlog, Exclusions, Metrics, Priors, Record, View, qualities};
use crate::range::ConfigError;
use crate::request::Request;
use crate::snapshot::{Snapshot, restore, snapshot};

use attempt::Attempt;
use job::Job;
use managing::Managing;
use preparing::{Loading, Wanting};
use watch::Watch;

/// Decides, follows every call to its end, and learns from it.
///
/// **After every `handle`, drain `poll_effect` to `None`, then ask `poll_timeout`**; [`Dispatcher::step`] does all three.
///
/// ```
/// use smart_ai_core::{Config, Dispatcher, Effect, Event, HostConfig, Millis};
///
/// let mut dispatcher = Dispatcher::new(Config::new(vec![HostConfig::new("pc")]), 0)?;
/// dispatcher.handle(Millis(0), Event::Tick);
/// while let Some(effect) = dispatcher.poll_effect() {
///     assert!(matches!(effect, Effect::Refresh { .. }));
/// }
/// # Ok::<(), smart_ai_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dispatcher {
    config: Config,
    seed: u64,
    fleet: Fleet,
    lengths: Lengths,
    priors: Priors,
    qualities: Qualities,
    arrivals: Arrivals,
    /// The model that embeds where the caller leaves the choice.
    embedder: Option<ModelName>,
    metrics: Watch,
    metrics_failure: Option<Failure>,
    jobs: BTreeMap<JobId, Box<Job>>,
    attempts: BTreeMap<AttemptId, Attempt>,
    /// Decisions of jobs that ended in the last `handle`.
    ended: BTreeMap<JobId, Box<Record>>,
    last_attempt: AttemptId,
    /// Models that are wanted in memory, and those on their way there for it.
    wanting: Vec<Wanting>,
    loads: BTreeMap<(usize, ModelName), Loading>,
    managing: Managing,
    /// Retry budget: further calls after a failure that may be made at once.
    retries: f64,
    /// Hedge budget: second calls beside late ones that may be made.
    hedges: f64,
    /// Futures that looking ahead may still play.
    futures: budget::Futures,
    effects: VecDeque<Effect>,
    /// When the first event came.
    began: Option<Millis>,
    now: Millis,
}

impl Dispatcher {
    /// Milliseconds after the first event for which a dry run waits, at most, until every host has been looked at.
    pub const SETTLE_MS: u64 = 3_000;

    /// A dispatcher that knows nothing yet but its configuration.
    ///
    /// # Errors
    /// The first key of the configuration that is out of its range.
    pub fn new(config: Config, seed: u64) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            fleet: Fleet::new(&config),
            lengths: Lengths::default(),
            priors: Priors::new(),
            qualities: Qualities::default(),
            arrivals: Arrivals::default(),
            embedder: None,
            metrics: Watch::default(),
            metrics_failure: None,
            jobs: BTreeMap::new(),
            attempts: BTreeMap::new(),
            ended: BTreeMap::new(),
            last_attempt: AttemptId(0),
            wanting: Vec::new(),
            loads: BTreeMap::new(),
            managing: Managing::default(),
            retries: budget::RETRY_BURST,
            futures: budget::Futures::new(),
            hedges: budget::HEDGE_BURST,
            effects: VecDeque::new(),
            began: None,
            now: Millis(0),
            config,
            seed,
        })
    }

    /// A dispatcher that remembers what another one learned. Hosts the configuration no longer names are forgotten.
    ///
    /// # Errors
    /// As [`Dispatcher::new`], and a snapshot of another version.
    pub fn restore(config: Config, seed: u64, snapshot: &Snapshot) -> Result<Self, ConfigError> {
        let mut dispatcher = Self::new(config, seed)?;
        dispatcher.lengths = restore(&mut dispatcher.fleet, snapshot)?;
        dispatcher.qualities = snapshot.qualities.clone();
        dispatcher.embedder.clone_from(&snapshot.embedder);
        for habit in &snapshot.habits {
            dispatcher.recall_habit(&habit.model, &habit.starts, &habit.example);
        }
        Ok(dispatcher)
    }

    /// Takes in one event. Never fails; unknown ids are ignored. A clock that stepped back counts as standing still.
    pub fn handle(&mut self, now: Millis, event: Event) {
        if let Event::Slept { ms } = event {
            self.wake(now, ms);
        }
        self.began.get_or_insert(now);
        self.advance(now);
        self.ended.clear();
        // A request lets nothing become idle, and makes no arm free or quicker: what is due then is due already.
        let lets_go =
            !matches!(event, Event::Submit { .. } | Event::Announce { .. } | Event::Feedback { .. });
        // A piece of an answer changes no choice; the next tick of a waiting job takes it in.
        let telling = !matches!(event, Event::Progress { .. } | Event::Held { .. } | Event::Started { .. });
        self.take(event);
        self.check_timeouts();
        self.check_starts();
        self.look_around();
        if telling {
            self.send_canaries();
            self.prepare_models();
            self.hedge_late_calls(lets_go);
            self.place_waiting_jobs();
            if lets_go || self.managing.is_due(now) {
                self.manage();
            }
        }
    }

    /// The next thing to do, until `None`.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When to send [`Event::Tick`] at the latest; `None` while nothing waits for time to pass.
    pub fn poll_timeout(&self) -> Option<Millis> {
        let jobs = self.jobs.values().filter_map(|job| job.wake_at(self));
        let attempts = self.attempts.values().map(Attempt::wake_at);
        let looks = self.next_look().into_iter().chain(self.next_canary());
        jobs.chain(attempts)
            .chain(looks)
            .chain(self.next_load())
            .chain(self.next_action())
            .chain(self.next_start())
            .min()
    }

    /// `handle`, every effect, and `poll_timeout` in one.
    pub fn step(&mut self, now: Millis, event: Event) -> Step {
        self.handle(now, event);
        let mut effects = Vec::new();
        while let Some(effect) = self.poll_effect() {
            effects.push(effect);
        }
        Step { effects, wake_at: self.poll_timeout() }
    }

    /// What the dispatcher would do with this request now. No side effect.
    pub fn decide(&self, now: Millis, request: &Request) -> Decision {
        let backlogs = self.backlogs_with_queue();
        let view = View { now: self.now.max(now), ..self.view(&backlogs) };
        let named = self.with_embedder(request);
        let request = named.as_ref().unwrap_or(request);
        let nothing = Exclusions::default();
        let mut ranked = view.rank(request, &nothing, 0);
        // As the call itself would, it looks ahead only while futures may be played.
        if self.futures.at(view.now).any_left() {
            ranked.follow(self.look_ahead(view, &ranked, request, None));
        }
        let mut record = ranked.record(view, request, usize::MAX);
        record.comparison = self.compared(view, request, &ranked, None).map(|compared| compared.comparison);
        record.decision(&self.fleet.hosts)
    }

    /// The error a request without a feasible arm ends in; `None` where `decision` has a candidate.
    pub fn refusal(&self, request: &Request, decision: &Decision) -> Option<crate::DispatchError> {
        decision.candidates.is_empty().then(|| crate::policy::refusal(request, decision))
    }

    /// The decision behind a job that is under way, or that ended in the last `handle`: as it was made, put into words now.
    /// Of more than 64 arms that could serve, it names the best.
    pub fn decision(&self, job: JobId) -> Option<Decision> {
        let live = self.jobs.get(&job);
        let kept = self.ended.get(&job).or_else(|| live.and_then(|job| job.decision.as_ref()))?;
        let mut decision = kept.decision(&self.fleet.hosts);
        if let Some(compared) = live.and_then(|job| job.compared.as_ref()) {
            decision.comparison = Some(compared.comparison.clone());
        }
        Some(decision)
    }

    /// Whether every host has been looked at, so that a dry run is worth something.
    pub fn is_settled(&self) -> bool {
        !self.fleet.hosts.iter().any(|host| host.is_settling(|_| true)) && !self.metrics_awaited()
    }

    /// Until when a dry run waits for what is not known of the fleet yet; `None` where it need not wait.
    pub fn settles_by(&self) -> Option<Millis> {
        let by = self.began.unwrap_or(self.now).plus(Self::SETTLE_MS);
        (by > self.now && !self.is_settled()).then_some(by)
    }

    /// What it believes: the fleet, what was learned, what is under way.
    pub fn snapshot(&self) -> Snapshot {
        let failure = self.metrics_failure.as_ref();
        let managed = self.config.lifecycle.mode != LifecycleMode::Off;
        Snapshot {
            jobs: self.jobs.len() as u32,
            calls: self.attempts.len() as u32,
            qualities: self.qualities.clone(),
            embedder: self.embedder.clone(),
            lifecycle: managed.then(|| self.lifecycle(self.now)),
            habits: self.habits().collect(),
            metrics: failure.map(|failure| format!("{}: {}", failure.kind.as_str(), failure.detail)),
            ..snapshot(self.now, &self.config, &self.fleet, &self.lengths)
        }
    }

    /// What scoring looks at.
    fn view<'a>(&'a self, backlogs: &'a [Backlog]) -> View<'a> {
        View {
            config: &self.config,
            fleet: &self.fleet,
            lengths: &self.lengths,
            backlogs,
            metrics: self.metrics_state(),
            now: self.now,
            stale_ms: self.config.stale_after_ms(),
        }
    }

    fn metrics_state(&self) -> Metrics<'_> {
        match &self.metrics_failure {
            _ if !self.config.metrics => Metrics::Unused,
            Some(failure) => Metrics::Down(failure),
            None if self.metrics_awaited() => Metrics::Awaited,
            None => Metrics::Up,
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Submit { job, request } => self.submit(job, request),
            Event::Announce { shape, count } => self.arrivals.announce(self.now, &shape, count),
            Event::Cancel { job } => {
                self.cancel(job);
                self.unprepare(job);
            }
            Event::Started { attempt } => self.call_accepted(attempt),
            Event::FirstToken { attempt } => self.first_token(attempt),
            Event::Held { attempt } => self.held(attempt),
            Event::Progress { attempt, tokens } => self.progress(attempt, tokens),
            Event::Succeeded { attempt, usage } => self.call_succeeded(attempt, usage),
            Event::Failed { attempt, failure } => self.call_failed(attempt, failure),
            Event::HostState { host, state } => self.host_state(&host, state),
            Event::ModelState { host, model, state } => self.model_state(&host, &model, state),
            Event::Signals { state } => self.signals(state),
            Event::Canary { host, model, failure } => self.canary_ended(&host, &model, failure.as_ref()),
            Event::Prepare { job, request, in_ms } => self.prepare(job, request, in_ms),
            Event::UnloadEnded { host, model, failure } => self.unload_ended(&host, &model, failure.as_ref()),
            Event::StartEnded { host, failure } => self.start_ended(&host, failure.as_ref()),
            Event::StopEnded { host, failure } => self.stop_ended(&host, failure.as_ref()),
            Event::StandBy { holder } => self.stand_by(holder),
            Event::Apply => self.apply_lifecycle(),
            Event::LoadEnded { host, model, failure } => self.load_ended(&host, &model, failure.as_ref()),
            Event::Feedback { model, task, rating } => self.feedback(&model, task, rating),
            Event::Look => self.look_soon(),
            // A sleep was taken in before time moved on.
            Event::Slept { .. } | Event::Tick => {}
        }
    }

    fn host_state(&mut self, id: &HostId, state: HostState) {
        let now = self.now;
        let Some(position) = self.fleet.hosts.iter().position(|host| host.config.id == *id) else { return };
        let named: BTreeSet<String> =
            self.jobs.values().flat_map(|job| job.request.named_models()).map(ModelName::canonical).collect();
        let Some(host) = self.fleet.hosts.get_mut(position) else { return };
        let began_before_sleep = std::mem::take(&mut host.looked_asleep);
        if began_before_sleep && matches!(state, HostState::Down(_)) {
            host.looking = None;
            return;
        }
        let since = host.end_look(now, &state);
        let mut started = false;
        match state {
            HostState::Up(report) => {
                started = host.power.rose(now, host.config.start.as_ref());
                if started {
                    // What failed before was of another process.
                    host.breaker = Breaker::default();
                }
                host.take(now, report);
                let is_named = |name: &ModelName| !named.is_empty() && named.contains(&name.canonical());
                host.inquire(now, is_named, &self.config.models);
            }
            HostState::Down(failure) => host.fell(failure),
        }
        if started {
            self.started(id);
        }
        if let Some(since) = since {
            self.see_loaded(position, since);
            self.see_cold(position, since);
        }
        self.assess(Some(id));
    }

    fn model_state(&mut self, id: &HostId, name: &ModelName, state: ModelState) {
        let Some(host) = self.fleet.host_mut(id) else { return };
        host.inquiries.ended(name);
        // Unknown details leave the model usable for text; it is asked again at the next look.
        let (Some(model), ModelState::Known(details)) = (host.models.get_mut(name), state) else { return };
        model.details = Some(details);
        model.quality = qualities(&self.priors, &self.qualities, &self.config, model, self.now);
    }

    fn signals(&mut self, state: SignalsState) {
        self.metrics.ended(self.now);
        match state {
            SignalsState::Up(samples) => {
                self.metrics_failure = None;
                let stale_ms = self.config.stale_after_ms();
                self.fleet.take_samples(self.now, &samples, stale_ms);
            }
            SignalsState::Down(failure) => self.metrics_failure = Some(failure),
        }
    }
}
