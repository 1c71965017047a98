//! Smart AI itself: its dispatcher, driven in virtual time. It is told what a driver would see, and nothing else.

use std::collections::BTreeMap;

use smart_ai_core::{
    AttemptId, Capability, Config, Dispatcher, Effect, Event, Failure, FailureKind, HostConfig, HostId,
    HostReport, HostState, JobId, LifecycleConfig, LookAhead, Millis, Mode, ModelDetails, ModelName,
    ModelState, ModelTag, Request, ResidentModel, Sample, SignalName, SignalsState, Source, StartConfig,
    Task, Tuning, Usage,
};

use super::Player;
use crate::virtual_time::fleet::RunnerState;
use crate::virtual_time::scenario::Blind;
use crate::virtual_time::truth::{Occurrence, Truth};

/// Bytes a parameter takes in the usual quantizations.
const BYTES_PER_PARAMETER: f64 = 0.6;
/// How old a metric is when it is asked for, on average.
const METRIC_AGE_MS: u64 = 5_000;

pub(super) struct Smart {
    dispatcher: Option<Dispatcher>,
    wake_at: Option<Millis>,
    /// The truth's calls by attempt, and the way back.
    calls: BTreeMap<AttemptId, usize>,
    attempts: BTreeMap<usize, AttemptId>,
    /// Loads that no job asked for.
    loads: BTreeMap<usize, (HostId, ModelName)>,
    started: bool,
}

impl Smart {
    pub(super) fn new(
        truth: &Truth<'_>,
        seed: u64,
        look_ahead: LookAhead,
        tuning: Tuning,
        metrics: bool,
        lifecycle: Option<LifecycleConfig>,
    ) -> Self {
        let scenario = truth.scenario;
        let hosts = scenario.hosts.iter().map(|host| HostConfig {
            parallel: scenario.tells(Blind::Slots).then_some(host.parallel),
            max_loaded: host.max_loaded,
            keep_alive_s: Some(KEEP_ALIVE_S),
            memory_gb: Some(host.memory_gb).filter(|_| scenario.tells(Blind::Memory)),
            instance: Some(host.id.clone()),
            start: host.start_s.map(|start_s| StartConfig {
                start_s,
                exclusive: true,
                idle_gb: host.idle_memory_gb.max(0.01),
                ..StartConfig::default()
            }),
            ..HostConfig::new(host.id.as_str())
        });
        let mut config = Config::new(hosts.collect());
        config.models.clear();
        config.metrics = scenario.metrics && metrics;
        config.max_attempts = 6;
        (config.look_ahead, config.tuning) = (look_ahead, tuning);
        config.lifecycle = lifecycle.unwrap_or_default();
        Self {
            dispatcher: Dispatcher::new(config, seed).ok(),
            wake_at: None,
            calls: BTreeMap::new(),
            attempts: BTreeMap::new(),
            loads: BTreeMap::new(),
            started: false,
        }
    }

    fn now(truth: &Truth<'_>) -> Millis {
        Millis((truth.now() * 1e3).round() as u64)
    }

    fn tell(&mut self, truth: &mut Truth<'_>, event: Event) {
        if !std::mem::replace(&mut self.started, true) {
            self.tell(truth, Event::Tick);
        }
        let mut events = self.progress(truth);
        events.push(event);
        events.reverse();
        while let Some(event) = events.pop() {
            let Some(dispatcher) = &mut self.dispatcher else { return };
            let step = dispatcher.step(Self::now(truth), event);
            self.wake_at = step.wake_at;
            for effect in step.effects {
                self.carry_out(truth, effect, &mut events);
            }
        }
    }

    /// What a driver says four times a second, said when it matters: how far the answers are.
    fn progress(&self, truth: &Truth<'_>) -> Vec<Event> {
        let going = self
            .calls
            .iter()
            .filter(|(_, id)| truth.calls.get(**id).is_some_and(|call| !call.over && call.first.is_some()));
        going
            .map(|(attempt, id)| Event::Progress {
                attempt: *attempt,
                tokens: truth.written(*id).max(1.0) as u32,
            })
            .collect()
    }

    fn carry_out(&mut self, truth: &mut Truth<'_>, effect: Effect, events: &mut Vec<Event>) {
        match effect {
            Effect::Call { job, attempt, host, model, options } => {
                let scenario = truth.scenario;
                let arm = (scenario.host(host.as_str()), scenario.model(model.as_str()));
                let (Some(host), Some(model)) = arm else { return };
                let id = truth.call(job.0 as usize, host, model, options.keep_alive_s.map(f64::from));
                self.calls.insert(attempt, id);
                self.attempts.insert(id, attempt);
            }
            Effect::Abort { attempt } => {
                if let Some(id) = self.calls.remove(&attempt) {
                    truth.abort(id);
                    self.attempts.remove(&id);
                }
            }
            Effect::Resolve { job, .. } => truth.end(job.0 as usize, true),
            Effect::Reject { job, .. } => truth.end(job.0 as usize, false),
            Effect::Load { host, model, options, .. } => {
                let scenario = truth.scenario;
                let arm = (scenario.host(host.as_str()), scenario.model(model.as_str()));
                let (Some(at), Some(place)) = arm else { return };
                let id = truth.load(at, place, options.keep_alive_s.map(f64::from));
                self.loads.insert(id, (host, model));
            }
            Effect::Unload { host, model, .. } => {
                let scenario = truth.scenario;
                if let (Some(at), Some(place)) =
                    (scenario.host(host.as_str()), scenario.model(model.as_str()))
                {
                    truth.unload(at, place);
                }
                events.insert(0, Event::UnloadEnded { host, model, failure: None });
            }
            Effect::StartHost { host, .. } => {
                if let Some(at) = truth.scenario.host(host.as_str()) {
                    truth.start(at);
                }
                events.insert(0, Event::StartEnded { host, failure: None });
            }
            Effect::StopHost { host, .. } => {
                if let Some(at) = truth.scenario.host(host.as_str()) {
                    truth.stop(at);
                }
                events.insert(0, Event::StopEnded { host, failure: None });
            }
            Effect::Prepared { .. } => {}
            Effect::Refresh { source, .. } => events.insert(0, look(truth, source)),
        }
    }
}

impl Player for Smart {
    fn arrive(&mut self, truth: &mut Truth<'_>, job: usize) {
        let Some(one) = truth.jobs.get(job) else { return };
        let Some(class) = truth.scenario.classes.get(one.class) else { return };
        let mut request = Request::new(Task::General, one.prompt_tokens as u32);
        request.mode = Mode::Fast;
        request.shape = class.known.then(|| class.id.as_str().into());
        request.models = Some(class.models.iter().map(|model| model.as_str().into()).collect());
        self.tell(truth, Event::Submit { job: JobId(job as u64), request });
    }

    fn occur(&mut self, truth: &mut Truth<'_>, occurrence: Occurrence) {
        let id = match occurrence {
            Occurrence::FirstToken(id) | Occurrence::Answered(id) | Occurrence::Failed(id, _) => id,
        };
        if let Some((host, model)) = self.loads.get(&id).cloned() {
            let failure = match occurrence {
                Occurrence::FirstToken(_) => return,
                Occurrence::Answered(_) => None,
                Occurrence::Failed(_, kind) => Some(Failure::new(kind, "simulated")),
            };
            self.loads.remove(&id);
            self.tell(truth, Event::LoadEnded { host, model, failure });
            return;
        }
        let Some(attempt) = self.attempts.get(&id).copied() else { return };
        let event = match occurrence {
            Occurrence::FirstToken(_) => Event::FirstToken { attempt },
            Occurrence::Answered(_) => Event::Succeeded { attempt, usage: usage(truth, id) },
            Occurrence::Failed(_, kind) => {
                Event::Failed { attempt, failure: Failure::new(kind, "simulated") }
            }
        };
        if !matches!(event, Event::FirstToken { .. }) {
            self.calls.remove(&attempt);
            self.attempts.remove(&id);
        }
        self.tell(truth, event);
    }

    fn wake_at(&self) -> f64 {
        self.wake_at.map_or(f64::INFINITY, |at| at.0 as f64 / 1e3 + 1e-3)
    }

    fn wake(&mut self, truth: &mut Truth<'_>) {
        self.tell(truth, Event::Tick);
    }
}

/// The counters of a finished call, as Ollama gives them.
fn usage(truth: &Truth<'_>, id: usize) -> Usage {
    let Some(call) = truth.calls.get(id) else { return Usage::default() };
    let Some(job) = truth.jobs.get(call.job) else { return Usage::default() };
    let (now, first) = (truth.now(), call.first.unwrap_or(call.worked_from));
    let counted = Usage {
        prompt_tokens: job.prompt_tokens as u32,
        output_tokens: job.output_tokens as u32,
        ..Usage::default()
    };
    if !truth.scenario.tells(Blind::Durations) {
        return counted;
    }
    Usage {
        load_ms: call.load_s * 1e3,
        prompt_ms: (first - call.worked_from) * 1e3,
        output_ms: (now - first) * 1e3,
        total_ms: (now - call.began) * 1e3,
        ..counted
    }
}

/// What a look at a host, a model or the metrics shows.
fn look(truth: &Truth<'_>, source: Source) -> Event {
    match source {
        Source::Host { host } => {
            let position = truth.scenario.host(host.as_str()).filter(|position| truth.is_up(*position));
            let state = match position {
                Some(position) => HostState::Up(report(truth, position)),
                None => HostState::Down(Failure::new(FailureKind::Unreachable, "simulated")),
            };
            Event::HostState { host, state }
        }
        Source::Model { host, model } => {
            let gb =
                truth.scenario.models.iter().find(|known| known.id == model.as_str()).map_or(1.0, |it| it.gb);
            let details = ModelDetails {
                capabilities: vec![Capability::Completion],
                context_tokens: Some(131_072),
                parameters: Some(gb * 1e9 / BYTES_PER_PARAMETER),
                ..ModelDetails::default()
            };
            Event::ModelState { host, model, state: ModelState::Known(details) }
        }
        // Told at once, as every look is.
        Source::Canary { host, model, .. } => {
            let writes = truth.scenario.host(host.as_str()).is_some_and(|position| truth.writes(position));
            let failure = (!writes).then(|| Failure::new(FailureKind::FirstTokenTimeout, "simulated"));
            Event::Canary { host, model, failure }
        }
        Source::Signals => Event::Signals { state: SignalsState::Up(samples(truth)) },
    }
}

/// What the simulated hosts do by themselves, as the scenario's owner tells.
const KEEP_ALIVE_S: u32 = 300;

fn report(truth: &Truth<'_>, host: usize) -> HostReport {
    let models = &truth.scenario.models;
    // Where a model is larger than the GPU, the rest of it is in main memory.
    let gpu_gb = truth.scenario.hosts.get(host).filter(|host| host.gpu).map_or(0.0, |host| host.memory_gb);
    let tag = |model: &crate::virtual_time::Model| ModelTag {
        name: model.id.clone(),
        digest: model.id.clone(),
        size_bytes: (model.gb * 1e9) as u64,
        parameters: Some(model.gb * 1e9 / BYTES_PER_PARAMETER),
        ..ModelTag::default()
    };
    let resident = models
        .iter()
        .enumerate()
        .filter(|(position, _)| matches!(truth.fleet().state(host, *position), RunnerState::Loaded));
    let loaded = resident.map(|(_, model)| ResidentModel {
        name: model.id.clone(),
        digest: model.id.clone(),
        size_bytes: (model.gb * 1e9) as u64,
        vram_bytes: (model.gb.min(gpu_gb) * 1e9) as u64,
        context_tokens: Some(131_072),
        ..ResidentModel::default()
    });
    HostReport {
        version: Some("simulated".to_owned()),
        models: Some(models.iter().map(tag).collect()),
        resident: Some(loaded.collect()),
    }
}

fn samples(truth: &Truth<'_>) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (position, host) in truth.scenario.hosts.iter().enumerate() {
        let (busy, free) = truth.metrics(position);
        let facts = [
            (SignalName::CpuBusyRatio, busy),
            (SignalName::MemoryAvailableBytes, free),
            (SignalName::MemoryTotalBytes, host.memory_gb * 1e9),
        ];
        samples.extend(facts.into_iter().map(|(signal, value)| Sample {
            instance: host.id.clone(),
            signal,
            value,
            age_ms: METRIC_AGE_MS,
        }));
    }
    samples
}
