//! What holds whatever happens: the dispatcher under sequences of events nobody planned.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use smart_ai_core::{
    AttemptId, Capability, Config, Decision, Dispatcher, Effect, Event, Failure, FailureKind, HostConfig,
    HostId, HostReport, HostState, JobId, LifecycleConfig, LifecycleMode, Millis, ModelDetails, ModelName,
    ModelState, ModelTag, Request, ResidentModel, Sample, SignalName, SignalsState, Source, StartConfig,
    Step, Task, Usage,
};

const HOSTS: [&str; 2] = ["pc", "nas"];
const MODELS: [&str; 2] = ["phi3:mini", "llama3.2:3b"];
const TASKS: [Task; 4] = [Task::General, Task::Code, Task::Classify, Task::Summarize];
const FAILURES: [FailureKind; 8] = [
    FailureKind::Unreachable,
    FailureKind::Busy,
    FailureKind::Stalled,
    FailureKind::OutOfMemory,
    FailureKind::ServerError,
    FailureKind::CutOff,
    FailureKind::InvalidAnswer,
    FailureKind::RefusedAnswer,
];

/// One thing a driver may say; a call is named by its place among those under way.
#[derive(Clone, Debug)]
enum Word {
    Submit { task: usize, prompt_tokens: u32, max_tokens: Option<u32>, deadline_ms: Option<u64> },
    Cancel(usize),
    Started(usize),
    FirstToken(usize),
    Progress(usize, u32),
    Succeeded(usize, u32, f64, f64),
    Failed(usize, usize),
    Up(usize, bool),
    Down(usize),
    Canary(usize, Option<usize>),
    Prepare(u64),
    LoadEnded(usize, bool),
    UnloadEnded(bool),
    StartEnded(usize, bool),
    StopEnded(usize, bool),
    Signals(usize, f64, u64),
    SignalsDown,
    Stray(u64),
    Tick,
    Look,
    Slept(u64),
    StandBy(bool),
    StepBack(u64),
}

/// Any number, the impossible ones more often than they come by themselves.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(f64::MAX),
        Just(f64::MIN_POSITIVE),
        Just(-1.0),
        Just(0.0),
        0.0..1.0,
        any::<f64>(),
    ]
}

fn word() -> impl Strategy<Value = Word> {
    let place = 0_usize..8;
    prop_oneof![
        4 => (0..TASKS.len(), 0..20_000_u32, proptest::option::of(0..4_000_u32), proptest::option::of(0..60_000_u64))
            .prop_map(|(task, prompt_tokens, max_tokens, deadline_ms)| Word::Submit {
                task, prompt_tokens, max_tokens, deadline_ms
            }),
        1 => (0_usize..40).prop_map(Word::Cancel),
        2 => place.clone().prop_map(Word::Started),
        2 => place.clone().prop_map(Word::FirstToken),
        1 => (place.clone(), any::<u32>()).prop_map(|(place, tokens)| Word::Progress(place, tokens)),
        4 => (place.clone(), any::<u32>(), number(), number())
            .prop_map(|(place, tokens, load, output)| Word::Succeeded(place, tokens, load, output)),
        2 => (place, 0..FAILURES.len()).prop_map(|(place, kind)| Word::Failed(place, kind)),
        2 => (0..HOSTS.len(), any::<bool>()).prop_map(|(host, loaded)| Word::Up(host, loaded)),
        1 => (0..HOSTS.len()).prop_map(Word::Down),
        1 => (0..HOSTS.len(), proptest::option::of(0..FAILURES.len()))
            .prop_map(|(host, kind)| Word::Canary(host, kind)),
        1 => (0..40_000_u64).prop_map(Word::Prepare),
        1 => (0_usize..8, any::<bool>()).prop_map(|(place, well)| Word::LoadEnded(place, well)),
        1 => any::<bool>().prop_map(Word::UnloadEnded),
        1 => (0..HOSTS.len(), any::<bool>()).prop_map(|(host, well)| Word::StartEnded(host, well)),
        1 => (0..HOSTS.len(), any::<bool>()).prop_map(|(host, well)| Word::StopEnded(host, well)),
        2 => (0..HOSTS.len(), number(), 0..200_000_u64)
            .prop_map(|(host, value, age_ms)| Word::Signals(host, value, age_ms)),
        1 => Just(Word::SignalsDown),
        1 => any::<u64>().prop_map(Word::Stray),
        2 => Just(Word::Tick),
        1 => Just(Word::Look),
        1 => (0_u64..50_000_000).prop_map(Word::Slept),
        1 => any::<bool>().prop_map(Word::StandBy),
        1 => (0_u64..50_000_000).prop_map(Word::StepBack),
    ]
}

fn story() -> impl Strategy<Value = Vec<(u64, Word)>> {
    proptest::collection::vec((0..8_000_u64, word()), 1..60)
}

fn config(parallel: u32) -> Config {
    // As eager to unload and to stop as it may be.
    let start = StartConfig { exclusive: true, min_up_s: 0, ready_timeout_s: 30, ..StartConfig::default() };
    let host = |id: &&str| HostConfig {
        parallel: Some(parallel),
        start: Some(start.clone()),
        ..HostConfig::new(*id)
    };
    let hosts = HOSTS.iter().map(host).collect();
    let lifecycle = LifecycleConfig {
        mode: LifecycleMode::On,
        wait_price: 0.0,
        min_resident_s: 0,
        max_actions_per_hour: CAP as u32,
        override_keep_alive: true,
        ..LifecycleConfig::default()
    };
    Config { models: Vec::new(), metrics: true, lifecycle, ..Config::new(hosts) }
}

/// Milliseconds until a start, and a stop, of which nothing was heard is given up.
const READY_MS: u64 = 30_000;
const STOP_MS: u64 = 150_000;
/// Unloads and stops by itself in any hour, at most.
const CAP: usize = 6;

fn up(host: &str, loaded: bool) -> Event {
    let tag = |name: &&str| ModelTag {
        name: (*name).into(),
        digest: (*name).into(),
        size_bytes: 2_000_000_000,
        ..ModelTag::default()
    };
    let resident = |name: &&str| ResidentModel {
        name: (*name).into(),
        digest: (*name).into(),
        size_bytes: 2_000_000_000,
        ..ResidentModel::default()
    };
    let report = HostReport {
        models: Some(MODELS.iter().map(tag).collect()),
        resident: Some(MODELS.iter().take(usize::from(loaded)).map(resident).collect()),
        ..HostReport::default()
    };
    Event::HostState { host: host.into(), state: HostState::Up(report) }
}

/// Numbers of wishes begin above those of jobs.
const WISHES: u64 = 1_000_000;

/// A dispatcher with the calls and jobs its effects speak of.
struct World {
    dispatcher: Dispatcher,
    parallel: usize,
    now: u64,
    jobs: u64,
    calls: BTreeMap<AttemptId, (JobId, String)>,
    /// Arms that the last look, or a call since, showed in memory.
    loaded: BTreeSet<String>,
    ends: BTreeMap<JobId, u32>,
    /// When each host last told what is in memory.
    seen: BTreeMap<HostId, u64>,
    wishes: u64,
    /// Wishes that have their answer.
    told: BTreeSet<JobId>,
    /// Loads under way that nobody asks anything.
    loads: BTreeSet<(HostId, ModelName)>,
    unloads: Vec<(u64, (HostId, ModelName))>,
    /// When hosts were stopped.
    stops: Vec<u64>,
    /// Hosts with a start or a stop under way, and since when: each is given up some time.
    starting: BTreeMap<HostId, u64>,
    stopping: BTreeMap<HostId, u64>,
    /// Another program acts on this fleet.
    stands_by: bool,
    steps: Vec<Step>,
}

impl World {
    #[expect(clippy::expect_used, reason = "the configuration is valid")]
    fn new(parallel: u32) -> Self {
        let dispatcher = Dispatcher::new(config(parallel), 11).expect("valid configuration");
        let mut world = Self {
            dispatcher,
            parallel: parallel as usize,
            now: 1_000,
            jobs: 0,
            calls: BTreeMap::new(),
            loaded: BTreeSet::new(),
            ends: BTreeMap::new(),
            seen: BTreeMap::new(),
            wishes: 0,
            told: BTreeSet::new(),
            loads: BTreeSet::new(),
            unloads: Vec::new(),
            stops: Vec::new(),
            starting: BTreeMap::new(),
            stopping: BTreeMap::new(),
            stands_by: false,
            steps: Vec::new(),
        };
        for host in HOSTS {
            world.step(up(host, true));
            for model in MODELS {
                let details =
                    ModelDetails { capabilities: vec![Capability::Completion], ..ModelDetails::default() };
                let state = ModelState::Known(details);
                world.step(Event::ModelState { host: host.into(), model: model.into(), state });
            }
        }
        world
    }

    fn step(&mut self, event: Event) {
        self.step_at(Millis(self.now), event);
    }

    /// One event at the time that the driver's clock shows; its effects are followed, and what must hold after each is held.
    fn step_at(&mut self, shown: Millis, event: Event) {
        self.see(&event);
        if let Event::Succeeded { attempt, .. } | Event::Failed { attempt, .. } = &event {
            self.calls.remove(attempt);
        }
        let step = self.dispatcher.step(shown, event);
        for effect in &step.effects {
            match effect {
                Effect::Call { job, attempt, host, model, .. } => {
                    assert!(!self.is_stopping(host), "a call of {host}, which is being stopped");
                    let before = self.calls.insert(*attempt, (*job, format!("{model}@{host}")));
                    assert!(before.is_none(), "attempt {attempt} called twice");
                }
                Effect::Abort { attempt } => {
                    self.calls.remove(attempt);
                }
                Effect::Resolve { job, .. } | Effect::Reject { job, .. } => {
                    *self.ends.entry(*job).or_default() += 1;
                }
                Effect::Refresh { source: Source::Canary { host, model, .. }, .. } => {
                    let busy = |(_, arm): &&(JobId, String)| arm.ends_with(&format!("@{host}"));
                    assert!(self.calls.values().find(busy).is_none(), "a canary beside a call on {host}");
                    let arm = format!("{model}@{host}");
                    assert!(self.loaded.contains(&arm), "a canary would load {arm}");
                }
                Effect::Load { host, model, .. } => {
                    let new = self.loads.insert((host.clone(), model.clone()));
                    assert!(new, "{model} is being loaded on {host} already");
                }
                Effect::Unload { host, model, .. } => {
                    let arm = format!("{model}@{host}");
                    let called = self.calls.values().any(|(_, called)| *called == arm);
                    assert!(!called, "{arm} leaves while it answers");
                    let arm_of = (host.clone(), model.clone());
                    assert!(!self.loads.contains(&arm_of), "{arm} leaves while it is loaded");
                    assert!(!self.stands_by, "{arm} leaves while another program acts");
                    self.unloads.push((self.now, arm_of));
                    self.loaded.remove(&arm);
                    self.hold_cap();
                }
                Effect::StartHost { host, .. } => {
                    let before = self.starting.insert(host.clone(), self.now);
                    let given_up = before.is_none_or(|since| self.now - since >= READY_MS);
                    assert!(given_up, "{host} is being started already");
                    assert!(!self.is_stopping(host), "{host} is started while it stops");
                }
                Effect::StopHost { host, .. } => {
                    let here = format!("@{host}");
                    let called = self.calls.values().any(|(_, arm)| arm.ends_with(&here));
                    assert!(!called, "{host} is stopped while it answers");
                    assert!(self.loads.iter().all(|(at, _)| at != host), "{host} is stopped while it loads");
                    let loaded = self.loaded.iter().any(|arm| arm.ends_with(&here));
                    assert!(!loaded, "{host} is stopped with a model in memory");
                    assert_eq!(self.seen.get(host), Some(&self.now), "{host} is stopped on an old look");
                    assert!(!self.is_stopping(host), "{host} is being stopped already");
                    assert!(!self.stands_by, "{host} is stopped while another program acts");
                    self.stopping.insert(host.clone(), self.now);
                    self.stops.push(self.now);
                    self.hold_cap();
                }
                Effect::Prepared { job, .. } => assert!(self.told.insert(*job), "{job} was told twice"),
                Effect::Refresh { .. } => {}
            }
        }
        let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, arm) in self.calls.values() {
            *taken.entry(arm).or_default() += 1;
        }
        assert!(taken.values().all(|calls| *calls <= self.parallel), "slots exceeded: {taken:?}");
        assert!(self.ends.values().all(|ends| *ends == 1), "a job ended twice: {:?}", self.ends);
        assert!(self.ends.keys().all(|job| job.0 >= 1 && job.0 <= self.jobs), "a job nobody submitted ended");
        self.steps.push(step);
    }

    fn is_stopping(&self, host: &HostId) -> bool {
        self.stopping.get(host).is_some_and(|since| self.now - since < STOP_MS)
    }

    fn hold_cap(&self) {
        let unloads = self.unloads.iter().map(|(at, _)| at);
        let hour = unloads.chain(&self.stops).filter(|at| self.now - **at < 3_600_000).count();
        assert!(hour <= CAP, "{hour} unloads and stops in an hour");
    }

    /// Notes what an event says of memory.
    fn see(&mut self, event: &Event) {
        if let Event::HostState { host, state: HostState::Up(_) } = event {
            self.starting.remove(host);
            self.seen.insert(host.clone(), self.now);
        }
        if let Event::StartEnded { host, failure: Some(_) } = event {
            self.starting.remove(host);
        }
        if let Event::StopEnded { host, .. } = event {
            self.stopping.remove(host);
        }
        if let Event::HostState { host, state: HostState::Up(report) } = event {
            self.loaded.retain(|arm| !arm.ends_with(&format!("@{host}")));
            let resident = report.resident.iter().flatten();
            self.loaded.extend(resident.map(|model| format!("{}@{host}", model.name)));
        }
        if let Event::Started { attempt }
        | Event::FirstToken { attempt }
        | Event::Progress { attempt, .. }
        | Event::Succeeded { attempt, .. } = event
        {
            self.loaded.extend(self.calls.get(attempt).map(|(_, arm)| arm.clone()));
        }
    }

    fn call(&self, place: usize) -> AttemptId {
        let count = self.calls.len().max(1);
        self.calls.keys().nth(place % count).copied().unwrap_or(AttemptId(u64::MAX))
    }

    fn say(&mut self, wait_ms: u64, word: &Word) {
        self.now += wait_ms;
        let event = match word.clone() {
            Word::Submit { task, prompt_tokens, max_tokens, deadline_ms } => {
                self.jobs += 1;
                let request = Request {
                    max_tokens,
                    deadline_ms,
                    ..Request::new(TASKS.get(task).copied().unwrap_or_default(), prompt_tokens)
                };
                Event::Submit { job: JobId(self.jobs), request }
            }
            Word::Cancel(job) => Event::Cancel { job: JobId(job as u64) },
            Word::Started(place) => Event::Started { attempt: self.call(place) },
            Word::FirstToken(place) => Event::FirstToken { attempt: self.call(place) },
            Word::Progress(place, tokens) => Event::Progress { attempt: self.call(place), tokens },
            Word::Succeeded(place, output_tokens, load_ms, output_ms) => {
                let usage =
                    Usage { output_tokens, load_ms, output_ms, prompt_ms: output_ms, ..Usage::default() };
                Event::Succeeded { attempt: self.call(place), usage }
            }
            Word::Failed(place, kind) => {
                let kind = FAILURES.get(kind).copied().unwrap_or(FailureKind::Stalled);
                Event::Failed { attempt: self.call(place), failure: Failure::new(kind, "as told") }
            }
            Word::Up(host, loaded) => up(HOSTS.get(host).copied().unwrap_or_default(), loaded),
            Word::Down(host) => Event::HostState {
                host: HOSTS.get(host).copied().unwrap_or_default().into(),
                state: HostState::Down(Failure::new(FailureKind::Unreachable, "connection refused")),
            },
            Word::Canary(host, kind) => Event::Canary {
                host: HOSTS.get(host).copied().unwrap_or_default().into(),
                model: MODELS.first().copied().unwrap_or_default().into(),
                failure: kind.and_then(|kind| FAILURES.get(kind)).map(|kind| Failure::new(*kind, "no token")),
            },
            Word::Prepare(in_ms) => {
                self.wishes += 1;
                let job = JobId(WISHES + self.wishes);
                Event::Prepare { job, request: Request::new(Task::General, 300), in_ms }
            }
            Word::LoadEnded(place, well) => {
                let count = self.loads.len().max(1);
                let arm = self.loads.iter().nth(place % count).cloned();
                let (host, model) = arm.unwrap_or((HOSTS[0].into(), MODELS[0].into()));
                self.loads.remove(&(host.clone(), model.clone()));
                let failure = (!well).then(|| Failure::new(FailureKind::OutOfMemory, "as told"));
                Event::LoadEnded { host, model, failure }
            }
            Word::UnloadEnded(well) => {
                let arm = self.unloads.last().map(|(_, arm)| arm.clone());
                let (host, model) = arm.unwrap_or((HOSTS[0].into(), MODELS[0].into()));
                let failure = (!well).then(|| Failure::new(FailureKind::Unreachable, "as told"));
                Event::UnloadEnded { host, model, failure }
            }
            Word::StartEnded(host, well) => Event::StartEnded {
                host: HOSTS.get(host).copied().unwrap_or_default().into(),
                failure: (!well).then(|| Failure::new(FailureKind::ServerError, "as told")),
            },
            Word::StopEnded(host, well) => Event::StopEnded {
                host: HOSTS.get(host).copied().unwrap_or_default().into(),
                failure: (!well).then(|| Failure::new(FailureKind::ServerError, "as told")),
            },
            Word::Signals(host, value, age_ms) => {
                let instance = HOSTS.get(host).copied().unwrap_or_default().to_owned();
                let sample = |signal| Sample { instance: instance.clone(), signal, value, age_ms };
                let names = [
                    SignalName::CpuBusyRatio,
                    SignalName::MemoryAvailableBytes,
                    SignalName::MemoryTotalBytes,
                    SignalName::ContainerMemoryBytes,
                    SignalName::ContainerMemoryLimitBytes,
                ];
                Event::Signals { state: SignalsState::Up(names.map(sample).to_vec()) }
            }
            Word::SignalsDown => Event::Signals {
                state: SignalsState::Down(Failure::new(FailureKind::Unreachable, "connection refused")),
            },
            Word::Stray(attempt) => Event::FirstToken { attempt: AttemptId(attempt) },
            Word::Tick => Event::Tick,
            Word::Look => Event::Look,
            Word::Slept(ms) => Event::Slept { ms },
            Word::StandBy(stands_by) => {
                let holder = stands_by.then(|| "another program".to_owned());
                self.stands_by = holder.is_some();
                Event::StandBy { holder }
            }
            Word::StepBack(ms) => {
                let shown = Millis(self.now.saturating_sub(ms));
                self.step_at(shown, Event::Tick);
                return;
            }
        };
        self.step(event);
    }

    fn decide(&self) -> Decision {
        self.dispatcher.decide(Millis(self.now), &Request::new(Task::General, 300))
    }
}

fn told(parallel: u32, story: &[(u64, Word)]) -> World {
    let mut world = World::new(parallel);
    for (wait_ms, word) in story {
        world.say(*wait_ms, word);
    }
    world
}

/// Every number finite, and the terms of each candidate adding up to its score.
fn sound(decision: &Decision) {
    assert!(decision.predicted_ms.is_finite(), "{decision:?}");
    for candidate in &decision.candidates {
        assert!(candidate.score_s.is_finite() && candidate.expected_s.is_finite(), "{candidate:?}");
        let named: f64 = candidate.terms.named().iter().map(|(_, seconds)| seconds).sum();
        let near = 1e-6 * candidate.score_s.abs().max(1.0);
        assert!((named - candidate.score_s).abs() <= near, "{named} is not the score of {candidate:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    /// Slots and single ends are held after every step by `World::step`.
    #[test]
    fn slots_are_kept_and_a_job_ends_once(parallel in 1..4_u32, story in story()) {
        let mut world = told(parallel, &story);
        for job in 1..=world.jobs {
            world.step(Event::Cancel { job: JobId(job) });
        }
        prop_assert_eq!(world.ends.len() as u64, world.jobs, "a job never ended");
        // A load is not cut short: its call lives until the model is loaded.
        for attempt in world.calls.keys().copied().collect::<Vec<AttemptId>>() {
            world.step(Event::FirstToken { attempt });
        }
        prop_assert!(world.calls.is_empty(), "calls outlive their jobs: {:?}", world.calls);
    }

    /// Once every host answers, and loads and calls end. Single answers and single loads are held after every step by `World::step`.
    #[test]
    fn every_wish_is_answered_and_one_load_serves_all(story in story()) {
        let mut world = told(2, &story);
        for _ in 0..3 {
            for host in HOSTS {
                world.step(up(host, false));
            }
            world.now += 60_000;
            for (host, model) in std::mem::take(&mut world.loads) {
                world.step(Event::LoadEnded { host, model, failure: None });
            }
            let calls: Vec<AttemptId> = world.calls.keys().copied().collect();
            for attempt in calls {
                world.step(Event::FirstToken { attempt });
                world.step(Event::Succeeded { attempt, usage: Usage { prompt_tokens: 100, output_tokens: 50, ..Usage::default() } });
            }
            world.step(Event::Tick);
        }
        prop_assert_eq!(world.told.len() as u64, world.wishes);
    }

    #[test]
    fn the_same_events_lead_to_the_same_effects(story in story()) {
        prop_assert_eq!(format!("{:?}", told(2, &story).steps), format!("{:?}", told(2, &story).steps));
    }

    #[test]
    fn every_score_is_finite_and_the_sum_of_its_terms(story in story()) {
        let mut world = World::new(2);
        for (wait_ms, word) in &story {
            world.say(*wait_ms, word);
            sound(&world.decide());
        }
    }

    #[test]
    fn a_snapshot_restores_at_any_time(story in story()) {
        let world = told(2, &story);
        let written = world.dispatcher.snapshot();
        let text = serde_json::to_string(&written).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let read = serde_json::from_str(&text).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
        let restored = Dispatcher::restore(config(2), 11, &read)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(restored.snapshot().lengths, written.lengths);
    }

    /// Once every host answers and every call is answered, each job that waits is served in turn.
    #[test]
    fn no_job_starves_while_arms_keep_finishing(story in story()) {
        let mut world = told(1, &story);
        let mut rounds = 0;
        while (world.ends.len() as u64) < world.jobs {
            rounds += 1;
            prop_assert!(rounds <= 400, "{} of {} jobs ended", world.ends.len(), world.jobs);
            world.now += 5_000;
            for host in HOSTS {
                world.step(up(host, true));
            }
            let under_way: Vec<AttemptId> = world.calls.keys().copied().collect();
            for attempt in under_way {
                let usage = Usage {
                    prompt_tokens: 100, output_tokens: 50, prompt_ms: 200.0, output_ms: 2_000.0,
                    total_ms: 2_200.0, load_ms: 0.0,
                };
                world.step(Event::Succeeded { attempt, usage });
            }
            world.step(Event::Tick);
        }
    }
}
