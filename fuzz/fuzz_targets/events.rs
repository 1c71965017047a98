//! Events to core: any order, any numbers, a clock that jumps. Every job ends once, and no end is late for ever.
#![no_main]

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use smart_ai_core::{
    AttemptId, Capability, Config, Dispatcher, Effect, Event, Failure, FailureKind, HostConfig, HostReport,
    HostState, JobId, LifecycleConfig, LifecycleMode, Limits, Millis, ModelDetails, ModelState, ModelTag,
    Request, ResidentModel, Sample, SignalName, SignalsState, StartConfig, Task, Usage,
};

const HOSTS: [&str; 3] = ["a", "b", "c"];
const MODELS: [&str; 3] = ["phi3:mini", "llama3.2:3b", "minilm"];
const TASKS: [Task; 5] = [Task::General, Task::Code, Task::Embed, Task::Vision, Task::Summarize];
const SIGNALS: [SignalName; 3] =
    [SignalName::CpuBusyRatio, SignalName::MemoryAvailableBytes, SignalName::MemoryTotalBytes];
const FAILURES: [FailureKind; 22] = [
    FailureKind::Unreachable,
    FailureKind::ConnectTimeout,
    FailureKind::LoadTimeout,
    FailureKind::FirstTokenTimeout,
    FailureKind::Stalled,
    FailureKind::Busy,
    FailureKind::RateLimited,
    FailureKind::Unauthorized,
    FailureKind::ModelMissing,
    FailureKind::OutOfMemory,
    FailureKind::ContextTooSmall,
    FailureKind::NotCapable,
    FailureKind::ServerError,
    FailureKind::BadRequest,
    FailureKind::CertificateRefused,
    FailureKind::RouteMissing,
    FailureKind::TooLarge,
    FailureKind::AccountRefused,
    FailureKind::InputFailed,
    FailureKind::AnswerTooLong,
    FailureKind::CutOff,
    FailureKind::BadProtocol,
];

/// One thing a driver may say. Small numbers name hosts, models, and calls by their place among those under way.
#[derive(Arbitrary, Debug)]
enum Word {
    Submit(Wish),
    Cancel(u8),
    Announce(u16),
    Started(u8),
    FirstToken(u8),
    Progress(u8, u32),
    Succeeded(u8, u32, f64, f64, f64),
    Failed(u8, u8, Option<u32>),
    Up { host: u8, models: u8, resident: u8, bytes: u64, context: u32 },
    Down(u8, u8),
    Details(u8, u8, u32),
    Unknown(u8, u8),
    Signals(u8, u8, f64, u64),
    NoSignals,
    Stray(u64),
    Canary(u8, u8, Option<u8>),
    Prepare(Wish, u32),
    LoadEnded(u8, u8, Option<u8>),
    UnloadEnded(u8, u8, Option<u8>),
    StartEnded(u8, Option<u8>),
    StopEnded(u8, Option<u8>),
    StandBy(bool),
    Apply,
    Tick,
    Look,
    Slept(u32),
    Again,
}

/// What a job asks for.
#[derive(Arbitrary, Debug)]
struct Wish {
    task: u8,
    prompt: u32,
    most: Option<u32>,
    deadline: Option<u32>,
    streaming: bool,
    pin: Option<u8>,
}

impl Wish {
    fn request(&self) -> Request {
        Request {
            max_tokens: self.most,
            deadline_ms: self.deadline.map(u64::from),
            streaming: self.streaming,
            host: self.pin.map(|pin| of(HOSTS, pin).into()),
            ..Request::new(of(TASKS, self.task), self.prompt)
        }
    }
}

struct World {
    dispatcher: Dispatcher,
    now: u64,
    jobs: u64,
    calls: BTreeMap<AttemptId, JobId>,
    ends: BTreeMap<JobId, u32>,
    /// Wishes for a model in memory, and how often each was answered: a cancelled one never is.
    wishes: BTreeMap<JobId, u32>,
}

fn of<T: Copy, const N: usize>(list: [T; N], place: u8) -> T {
    list[usize::from(place) % N]
}

impl World {
    fn call(&self, place: u8) -> AttemptId {
        let count = self.calls.len().max(1);
        self.calls.keys().nth(usize::from(place) % count).copied().unwrap_or(AttemptId(u64::from(place)))
    }

    fn event(&mut self, word: &Word) -> Event {
        match *word {
            Word::Submit(ref wish) => {
                self.jobs += 1;
                Event::Submit { job: JobId(self.jobs), request: wish.request() }
            }
            Word::Cancel(job) => Event::Cancel { job: JobId(u64::from(job)) },
            Word::Announce(count) => Event::Announce { shape: "s".into(), count: u32::from(count) },
            Word::Started(place) => Event::Started { attempt: self.call(place) },
            Word::FirstToken(place) => Event::FirstToken { attempt: self.call(place) },
            Word::Progress(place, tokens) => Event::Progress { attempt: self.call(place), tokens },
            Word::Succeeded(place, tokens, load_ms, prompt_ms, output_ms) => Event::Succeeded {
                attempt: self.call(place),
                usage: Usage {
                    prompt_tokens: tokens / 2,
                    output_tokens: tokens,
                    load_ms,
                    prompt_ms,
                    output_ms,
                    ..Usage::default()
                },
            },
            Word::Failed(place, kind, retry) => Event::Failed {
                attempt: self.call(place),
                failure: Failure {
                    retry_after_ms: retry.map(u64::from),
                    ..Failure::new(of(FAILURES, kind), "as the fuzzer says")
                },
            },
            Word::Up { host, models, resident, bytes, context } => {
                let list = |bits: u8| {
                    MODELS
                        .into_iter()
                        .enumerate()
                        .filter(move |(at, _)| bits >> at & 1 == 1)
                        .map(|(_, name)| name)
                };
                Event::HostState {
                    host: of(HOSTS, host).into(),
                    state: HostState::Up(HostReport {
                        version: None,
                        models: Some(
                            list(models)
                                .map(|name| ModelTag {
                                    name: name.into(),
                                    digest: name.into(),
                                    size_bytes: bytes,
                                    ..ModelTag::default()
                                })
                                .collect(),
                        ),
                        resident: Some(
                            list(resident)
                                .map(|name| ResidentModel {
                                    name: name.into(),
                                    digest: name.into(),
                                    size_bytes: bytes,
                                    context_tokens: Some(context),
                                    ..ResidentModel::default()
                                })
                                .collect(),
                        ),
                    }),
                }
            }
            Word::Down(host, kind) => Event::HostState {
                host: of(HOSTS, host).into(),
                state: HostState::Down(Failure::new(of(FAILURES, kind), "down")),
            },
            Word::Details(host, model, context) => Event::ModelState {
                host: of(HOSTS, host).into(),
                model: of(MODELS, model).into(),
                state: ModelState::Known(ModelDetails {
                    capabilities: if model % 3 == 2 {
                        vec![Capability::Embedding]
                    } else {
                        vec![Capability::Completion, Capability::Vision]
                    },
                    context_tokens: Some(context),
                    ..ModelDetails::default()
                }),
            },
            Word::Unknown(host, model) => Event::ModelState {
                host: of(HOSTS, host).into(),
                model: of(MODELS, model).into(),
                state: ModelState::Unknown(Failure::new(FailureKind::Unreachable, "gone")),
            },
            Word::Signals(host, signal, value, age_ms) => Event::Signals {
                state: SignalsState::Up(vec![Sample {
                    instance: of(HOSTS, host).into(),
                    signal: of(SIGNALS, signal),
                    value,
                    age_ms,
                }]),
            },
            Word::NoSignals => {
                Event::Signals { state: SignalsState::Down(Failure::new(FailureKind::Busy, "503")) }
            }
            Word::Stray(number) => {
                Event::Failed { attempt: AttemptId(number), failure: Failure::new(FailureKind::CutOff, "") }
            }
            Word::Canary(host, model, kind) => Event::Canary {
                host: of(HOSTS, host).into(),
                model: of(MODELS, model).into(),
                failure: kind.map(|kind| Failure::new(of(FAILURES, kind), "no token")),
            },
            Word::Prepare(ref wish, in_ms) => {
                self.jobs += 1;
                self.wishes.insert(JobId(self.jobs), 0);
                Event::Prepare { job: JobId(self.jobs), request: wish.request(), in_ms: in_ms.into() }
            }
            Word::LoadEnded(host, model, kind) => Event::LoadEnded {
                host: of(HOSTS, host).into(),
                model: of(MODELS, model).into(),
                failure: kind.map(|kind| Failure::new(of(FAILURES, kind), "as the fuzzer says")),
            },
            Word::UnloadEnded(host, model, kind) => Event::UnloadEnded {
                host: of(HOSTS, host).into(),
                model: of(MODELS, model).into(),
                failure: kind.map(|kind| Failure::new(of(FAILURES, kind), "as the fuzzer says")),
            },
            Word::StartEnded(host, kind) => Event::StartEnded {
                host: of(HOSTS, host).into(),
                failure: kind.map(|kind| Failure::new(of(FAILURES, kind), "as the fuzzer says")),
            },
            Word::StopEnded(host, kind) => Event::StopEnded {
                host: of(HOSTS, host).into(),
                failure: kind.map(|kind| Failure::new(of(FAILURES, kind), "as the fuzzer says")),
            },
            Word::StandBy(other) => Event::StandBy { holder: other.then(|| "another".to_owned()) },
            Word::Apply => Event::Apply,
            Word::Look => Event::Look,
            Word::Slept(ms) => Event::Slept { ms: ms.into() },
            Word::Tick | Word::Again => Event::Tick,
        }
    }

    fn step(&mut self, event: Event) {
        let step = self.dispatcher.step(Millis(self.now), event);
        for effect in step.effects {
            match effect {
                Effect::Call { job, attempt, .. } => {
                    assert!(!self.ends.contains_key(&job), "a call for a job that has ended: {job:?}");
                    assert!(
                        self.calls.insert(attempt, job).is_none(),
                        "a call's number used twice: {attempt:?}"
                    );
                }
                Effect::Abort { attempt } => drop(self.calls.remove(&attempt)),
                Effect::Resolve { job, outcome } | Effect::Reject { job, outcome, .. } => {
                    let ends = self.ends.entry(job).or_default();
                    *ends += 1;
                    assert_eq!(*ends, 1, "two ends of {job:?}");
                    assert!(job.0 <= self.jobs, "an end of a job nobody asked for");
                    assert!(outcome.predicted_ms.is_finite() && outcome.ms.total.is_finite(), "{outcome:?}");
                }
                Effect::Prepared { job, .. } => {
                    let told = self.wishes.get_mut(&job);
                    assert!(told.is_some(), "an answer to a wish nobody had: {job:?}");
                    let told = told.map(|told| {
                        *told += 1;
                        *told
                    });
                    assert_eq!(told, Some(1), "two answers to {job:?}");
                }
                Effect::Refresh { .. }
                | Effect::Load { .. }
                | Effect::Unload { .. }
                | Effect::StartHost { .. }
                | Effect::StopHost { .. } => {}
            }
        }
    }
}

fn story(data: &[u8]) -> arbitrary::Result<()> {
    let mut bytes = Unstructured::new(data);
    // The last one is up or down as it is; the others start and stop.
    let start = |id: &str| (id != HOSTS[2]).then(|| StartConfig { exclusive: true, min_up_s: 0, ..StartConfig::default() });
    let hosts = HOSTS
        .into_iter()
        .map(|id| HostConfig { instance: Some(id.into()), start: start(id), ..HostConfig::new(id) })
        .collect();
    let limits =
        Limits { max_cpu_percent: bytes.arbitrary::<bool>()?.then_some(50.0), min_free_memory_percent: None };
    let config = Config {
        models: Vec::new(),
        metrics: bytes.arbitrary()?,
        lifecycle: LifecycleConfig {
            mode: of([LifecycleMode::Off, LifecycleMode::DryRun, LifecycleMode::On], bytes.arbitrary()?),
            ..LifecycleConfig::default()
        },
        max_queue: bytes.int_in_range(0..=20)?,
        limits,
        ..Config::new(hosts)
    };
    let Ok(dispatcher) = Dispatcher::new(config, bytes.arbitrary()?) else { return Ok(()) };
    let mut world = World {
        dispatcher,
        now: 0,
        jobs: 0,
        calls: BTreeMap::new(),
        ends: BTreeMap::new(),
        wishes: BTreeMap::new(),
    };
    while !bytes.is_empty() {
        let word: Word = bytes.arbitrary()?;
        // Mostly small steps; `Again` makes one step back, a stray byte a long one.
        let ahead: u16 = bytes.arbitrary()?;
        world.now = match word {
            Word::Again => world.now.saturating_sub(u64::from(ahead)),
            _ if ahead % 64 == 63 => world.now + u64::from(ahead) * 1_000,
            _ => world.now + u64::from(ahead % 2_048),
        };
        let event = world.event(&word);
        let ended = match &event {
            Event::Succeeded { attempt, .. } | Event::Failed { attempt, .. } => Some(*attempt),
            _ => None,
        };
        world.step(event);
        if let Some(attempt) = ended {
            world.calls.remove(&attempt);
        }
    }
    // Whoever is left cancels, and every job has had its end.
    for job in 1..=world.jobs {
        world.step(Event::Cancel { job: JobId(job) });
    }
    assert_eq!((world.ends.len() + world.wishes.len()) as u64, world.jobs, "a job without an end");
    let decision = world.dispatcher.decide(Millis(world.now), &Request::new(Task::General, 100));
    assert!(decision.candidates.iter().all(|candidate| candidate.score_s.is_finite()), "{decision:?}");
    drop(serde_json::to_string(&world.dispatcher.snapshot()));
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // A story that breaks off is a story.
    let _broken_off = story(data);
});
