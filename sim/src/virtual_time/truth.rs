//! What really happens: the hosts as Ollama runs them, with noise, drift, faults and foreign load that no policy is told of.

use smart_ai_core::FailureKind;

use super::fleet::{ArmTraits, Fleet, Happening, HostTraits, RunnerState, Work};
use super::job::{Ended, Job};
use super::scenario::{FaultKind, Scenario};

/// Seconds an idle runner stays (`OLLAMA_KEEP_ALIVE`).
pub(crate) const KEEP_ALIVE_S: f64 = 300.0;
/// Seconds over which a CPU metric is averaged.
const METRIC_WINDOW_S: f64 = 15.0;
/// What is left of the speed of a host with [`FaultKind::Slow`].
const SLOW_FACTOR: f64 = 0.2;

/// A call of an arm for a job.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Call {
    /// The job.
    pub job: usize,
    /// The arm's host.
    pub host: usize,
    /// The arm's model.
    pub model: usize,
    /// When it was made.
    pub began: f64,
    /// Seconds until it had its runner, in the host's queue or in a load: Ollama's `load_duration`.
    pub load_s: f64,
    /// When it had its slot, or else was made.
    pub worked_from: f64,
    /// When its prompt was processed.
    pub first: Option<f64>,
    /// It has ended.
    pub over: bool,
}

/// Something a caller sees.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Occurrence {
    /// The first token of a call came.
    FirstToken(usize),
    /// A call has its answer.
    Answered(usize),
    /// A call failed.
    Failed(usize, FailureKind),
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Speed {
        host: usize,
        factor: f64,
    },
    Foreign {
        host: usize,
        cpu: f64,
        memory_gb: f64,
    },
    Fault {
        host: usize,
        kind: FaultKind,
        begins: bool,
    },
    Join {
        host: usize,
    },
    /// A start ends.
    Started {
        host: usize,
    },
}

/// Whether a host that can be stopped runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Power {
    On,
    Starting,
    Off,
}

#[derive(Clone, Debug)]
struct Condition {
    factor: f64,
    cpu: f64,
    memory_gb: f64,
    faults: Vec<FaultKind>,
    /// Share of the CPU in use, averaged.
    metric: f64,
    power: Power,
}

impl Condition {
    fn has(&self, kind: FaultKind) -> bool {
        self.faults.contains(&kind)
    }

    fn end(&mut self, kind: FaultKind) {
        if let Some(position) = self.faults.iter().position(|fault| *fault == kind) {
            self.faults.remove(position);
        }
    }
}

/// The hosts as they are.
#[derive(Debug)]
pub struct Truth<'a> {
    /// What is played.
    pub scenario: &'a Scenario,
    /// Every job of the run.
    pub jobs: &'a [Job],
    fleet: Fleet,
    /// Every call made so far.
    pub calls: Vec<Call>,
    conditions: Vec<Condition>,
    changes: Vec<(f64, Change)>,
    occurred: Vec<Occurrence>,
    ended: Vec<Ended>,
    /// Models loaded so far.
    pub loads: u64,
    /// Models that left memory for another one or for idleness.
    pub evictions: u64,
    /// Gigabytes of models in memory times seconds.
    pub resident_gb_s: f64,
    /// The part of it in which nobody used them.
    pub idle_gb_s: f64,
    /// Models that were told to leave.
    pub unloads: u64,
    /// Models loaded before anybody asked them.
    pub prewarms: u64,
    /// Hosts started.
    pub starts: u64,
    /// Hosts stopped.
    pub stops: u64,
}

impl<'a> Truth<'a> {
    /// `keep_alive_s`: what the hosts do by themselves with an idle model.
    pub(crate) fn new(scenario: &'a Scenario, jobs: &'a [Job], keep_alive_s: f64) -> Self {
        let hosts = scenario.hosts.iter().map(|host| {
            let traits = HostTraits {
                speed: host.speed,
                memory_bytes: host.memory_gb * 1e9,
                sharing: host.sharing,
                parallel: host.parallel,
                max_loaded: host.max_loaded,
                keep_alive_s,
            };
            let arm = |model: &super::scenario::Model| ArmTraits {
                name: model.id.clone(),
                bytes: model.gb * 1e9,
                load_s: 0.5 + model.gb / host.disk_gb_per_s,
            };
            (traits, scenario.models.iter().map(arm).collect())
        });
        let well = Condition {
            factor: 1.0,
            cpu: 0.0,
            memory_gb: 0.0,
            faults: Vec::new(),
            metric: 0.0,
            power: Power::On,
        };
        let mut truth = Self {
            scenario,
            jobs,
            fleet: Fleet::new(hosts),
            calls: Vec::new(),
            conditions: vec![well; scenario.hosts.len()],
            changes: Vec::new(),
            occurred: Vec::new(),
            ended: Vec::new(),
            loads: 0,
            evictions: 0,
            resident_gb_s: 0.0,
            idle_gb_s: 0.0,
            unloads: 0,
            prewarms: 0,
            starts: 0,
            stops: 0,
        };
        truth.plan();
        truth
    }

    /// Lays out when conditions change, latest first.
    fn plan(&mut self) {
        let end = self.jobs.last().map_or(0.0, |job| job.arrives);
        let (scenario, mut changes) = (self.scenario, Vec::new());
        let place = |id: &str| scenario.host(id).unwrap_or(usize::MAX);
        for change in &scenario.speed_changes {
            let host = place(&change.host);
            changes.push((change.from * end, Change::Speed { host, factor: change.factor }));
            changes.push((change.to * end, Change::Speed { host, factor: 1.0 / change.factor }));
        }
        for load in &scenario.foreign_loads {
            let (host, cpu, memory_gb) = (place(&load.host), load.cpu, load.memory_gb);
            changes.push((load.from * end, Change::Foreign { host, cpu, memory_gb }));
            changes.push((load.to * end, Change::Foreign { host, cpu: 0.0, memory_gb: 0.0 }));
        }
        for fault in &scenario.faults {
            let (host, kind) = (place(&fault.host), fault.kind);
            changes.push((fault.from * end, Change::Fault { host, kind, begins: true }));
            changes.push((fault.to * end, Change::Fault { host, kind, begins: false }));
        }
        for join in &scenario.joins {
            let host = place(&join.host);
            changes.push((0.0, Change::Fault { host, kind: FaultKind::Down, begins: true }));
            changes.push((join.at * end, Change::Join { host }));
        }
        changes.sort_by(|left, right| right.0.total_cmp(&left.0));
        self.changes = changes;
        self.advance(0.0);
    }

    /// Seconds since the start.
    pub fn now(&self) -> f64 {
        self.fleet.now()
    }

    /// The hosts.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// When something will happen by itself.
    pub(crate) fn next_at(&self) -> f64 {
        let change = self.changes.last().map_or(f64::INFINITY, |(at, _)| *at);
        self.fleet.next_at().min(change)
    }

    pub(crate) fn advance(&mut self, to: f64) {
        loop {
            let at = self.next_at().min(to);
            self.pass(at);
            let due = self.changes.pop_if(|(due, _)| *due <= at);
            if let Some((_, change)) = due {
                self.change(change);
            } else if self.next_at() > to {
                return;
            }
        }
    }

    fn pass(&mut self, to: f64) {
        let elapsed = to - self.now();
        for (host, condition) in self.conditions.iter_mut().enumerate() {
            self.resident_gb_s += self.fleet.used_bytes(host) / 1e9 * elapsed.max(0.0);
            let idle = self.scenario.models.iter().enumerate().filter(|(model, _)| {
                self.fleet.state(host, *model) == RunnerState::Loaded && self.fleet.jobs(host, *model) == 0
            });
            self.idle_gb_s += idle.map(|(_, model)| model.gb).sum::<f64>() * elapsed.max(0.0);
            let own_gb = self.scenario.hosts.get(host).map_or(0.0, |traits| traits.idle_memory_gb);
            if condition.power != Power::Off {
                self.resident_gb_s += own_gb * elapsed.max(0.0);
                let idle = !self.fleet.is_busy(host);
                self.idle_gb_s += if idle { own_gb * elapsed.max(0.0) } else { 0.0 };
            }
            let used = if self.fleet.is_busy(host) { 1.0 } else { condition.cpu };
            condition.metric +=
                (used - condition.metric) * (1.0 - (-elapsed.max(0.0) / METRIC_WINDOW_S).exp());
        }
        self.fleet.advance(to);
        self.take_happened();
    }

    fn take_happened(&mut self) {
        let happened: Vec<Happening> = self.fleet.take_happened().collect();
        for happening in happened {
            self.take(happening);
        }
    }

    fn take(&mut self, happening: Happening) {
        match happening {
            Happening::Loaded { .. } => self.loads += 1,
            Happening::Unloaded { count, .. } => self.evictions += count,
            Happening::Ready { at, job } => {
                if let Some(call) = self.calls.get_mut(job as usize) {
                    (call.load_s, call.worked_from) = (at - call.began, at);
                }
            }
            Happening::Started { at, job } => {
                if let Some(call) = self.calls.get_mut(job as usize) {
                    call.worked_from = at;
                }
            }
            Happening::Refused { job } => self.fail(job as usize, FailureKind::Busy),
            Happening::FirstToken { at, job } => {
                let id = job as usize;
                let Some(call) = self.calls.get_mut(id).filter(|call| !call.over) else { return };
                call.first = Some(at);
                let host = call.host;
                self.occurred.push(Occurrence::FirstToken(id));
                if self.conditions.get(host).is_some_and(|condition| condition.has(FaultKind::Cut)) {
                    self.fail(id, FailureKind::CutOff);
                }
            }
            Happening::Finished { job, .. } => {
                let id = job as usize;
                let Some(call) = self.calls.get_mut(id).filter(|call| !call.over) else { return };
                call.over = true;
                self.occurred.push(Occurrence::Answered(id));
            }
        }
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Speed { host, factor } => self.with(host, |condition| condition.factor *= factor),
            Change::Foreign { host, cpu, memory_gb } => self.with(host, |condition| {
                (condition.cpu, condition.memory_gb) = (cpu, memory_gb);
            }),
            Change::Started { host } => {
                if let Some(condition) =
                    self.conditions.get_mut(host).filter(|it| it.power == Power::Starting)
                {
                    condition.power = Power::On;
                }
            }
            Change::Join { host } => self.with(host, |condition| condition.end(FaultKind::Down)),
            Change::Fault { host, kind, begins } => {
                self.with(host, |condition| {
                    if begins {
                        condition.faults.push(kind);
                    } else {
                        condition.end(kind);
                    }
                });
                if begins && kind == FaultKind::Down {
                    self.break_calls(host, |_| true, FailureKind::Unreachable);
                    self.fleet.restart(host);
                }
                if begins && kind == FaultKind::Cut {
                    self.break_calls(host, |call| call.first.is_some(), FailureKind::CutOff);
                }
            }
        }
    }

    fn with(&mut self, host: usize, change: impl FnOnce(&mut Condition)) {
        let (Some(condition), Some(traits)) = (self.conditions.get_mut(host), self.scenario.hosts.get(host))
        else {
            return;
        };
        change(condition);
        let slow = if condition.has(FaultKind::Slow) { SLOW_FACTOR } else { 1.0 };
        let moving = if condition.has(FaultKind::Hang) { 0.0 } else { 1.0 };
        self.fleet.set_speed(host, traits.speed * condition.factor * (1.0 - condition.cpu) * slow * moving);
        self.fleet.set_memory(host, (traits.memory_gb - condition.memory_gb).max(0.001) * 1e9);
    }

    fn break_calls(&mut self, host: usize, which: impl Fn(&Call) -> bool, kind: FailureKind) {
        for id in 0..self.calls.len() {
            if self.calls.get(id).is_some_and(|call| !call.over && call.host == host && which(call)) {
                self.fail(id, kind);
            }
        }
    }

    fn fail(&mut self, id: usize, kind: FailureKind) {
        self.abort(id);
        self.occurred.push(Occurrence::Failed(id, kind));
    }

    /// Calls an arm for a job; gives the call's number. A refusal comes as an occurrence.
    pub fn call(&mut self, job: usize, host: usize, model: usize, keep_alive_s: Option<f64>) -> usize {
        let (id, now) = (self.calls.len(), self.now());
        self.calls.push(Call {
            job,
            host,
            model,
            began: now,
            load_s: 0.0,
            worked_from: now,
            first: None,
            over: false,
        });
        let cold = self.fleet.state(host, model) == RunnerState::Cold;
        let refusal = self.conditions.get(host).and_then(|condition| match condition {
            condition if condition.has(FaultKind::Down) || condition.power != Power::On => {
                Some(FailureKind::Unreachable)
            }
            condition if condition.has(FaultKind::Busy) => Some(FailureKind::Busy),
            condition if condition.has(FaultKind::Oom) && cold => Some(FailureKind::OutOfMemory),
            _ => None,
        });
        if let Some(kind) = refusal {
            self.fail(id, kind);
        } else {
            let work = Work { keep_alive_s, ..self.work(id as u64, job, model) };
            self.fleet.submit(host, model, work);
            self.take_happened();
        }
        id
    }

    /// Loads a model that no job asks for; gives the call's number, which is answered when the model is loaded.
    pub fn load(&mut self, host: usize, model: usize, keep_alive_s: Option<f64>) -> usize {
        let (id, now) = (self.calls.len(), self.now());
        self.calls.push(Call {
            job: usize::MAX,
            host,
            model,
            began: now,
            load_s: 0.0,
            worked_from: now,
            first: None,
            over: false,
        });
        self.prewarms += 1;
        if self.is_up(host) {
            self.fleet.load(host, model, id as u64, keep_alive_s);
            self.take_happened();
        } else {
            self.fail(id, FailureKind::Unreachable);
        }
        id
    }

    /// Lets a model leave as soon as no call uses it.
    pub fn unload(&mut self, host: usize, model: usize) {
        self.unloads += 1;
        self.fleet.unload(host, model);
        self.take_happened();
    }

    /// The true work of a job on a model.
    pub fn work(&self, id: u64, job: usize, model: usize) -> Work {
        let (Some(job), Some(model)) = (self.jobs.get(job), self.scenario.models.get(model)) else {
            return Work { job: id, prefill_s: 0.0, decode_s: 0.0, keep_alive_s: None };
        };
        Work {
            job: id,
            prefill_s: job.noise * job.prompt_tokens / model.prefill_tok_per_s,
            decode_s: job.noise * job.output_tokens / model.decode_tok_per_s,
            keep_alive_s: None,
        }
    }

    /// Closes a call.
    pub fn abort(&mut self, id: usize) {
        let Some(call) = self.calls.get_mut(id).filter(|call| !call.over) else { return };
        call.over = true;
        let host = call.host;
        self.fleet.cancel(host, id as u64);
    }

    /// Tokens of a call's answer that have come.
    pub fn written(&self, id: usize) -> f64 {
        let Some(call) = self.calls.get(id).filter(|call| call.first.is_some()) else { return 0.0 };
        let tokens = self.jobs.get(call.job).map_or(0.0, |job| job.output_tokens);
        tokens * self.fleet.written(call.host, id as u64)
    }

    /// A job has its answer, or will not get one.
    pub fn end(&mut self, job: usize, answered: bool) {
        let arrived = self.jobs.get(job).map_or(0.0, |job| job.arrives);
        self.ended.push(Ended { job, seconds: self.now() - arrived, answered });
    }

    /// Whether a host answers when looked at.
    pub fn is_up(&self, host: usize) -> bool {
        let up = |condition: &Condition| condition.power == Power::On && !condition.has(FaultKind::Down);
        self.conditions.get(host).is_some_and(up)
    }

    /// Whether a host is on its way up.
    pub(crate) fn is_starting(&self, host: usize) -> bool {
        self.conditions.get(host).is_some_and(|condition| condition.power == Power::Starting)
    }

    /// Begins the start of a host that was stopped.
    pub fn start(&mut self, host: usize) {
        let start_s = self.scenario.hosts.get(host).and_then(|traits| traits.start_s).unwrap_or(0.0);
        let Some(condition) = self.conditions.get_mut(host).filter(|it| it.power == Power::Off) else {
            return;
        };
        condition.power = Power::Starting;
        self.starts += 1;
        let at = self.now() + start_s;
        let place = self.changes.partition_point(|(due, _)| *due > at);
        self.changes.insert(place, (at, Change::Started { host }));
    }

    /// Stops a host that can be: its models are gone, and what it answers breaks.
    pub fn stop(&mut self, host: usize) {
        let can_stop = self.scenario.hosts.get(host).is_some_and(|traits| traits.start_s.is_some());
        let Some(condition) = self.conditions.get_mut(host).filter(|it| can_stop && it.power == Power::On)
        else {
            return;
        };
        condition.power = Power::Off;
        self.stops += 1;
        self.break_calls(host, |_| true, FailureKind::Unreachable);
        self.fleet.restart(host);
    }

    /// Whether a loaded model of a host would write.
    pub(crate) fn writes(&self, host: usize) -> bool {
        let stuck = [FaultKind::Down, FaultKind::Hang, FaultKind::Busy, FaultKind::Cut];
        self.conditions.get(host).is_some_and(|condition| !stuck.into_iter().any(|kind| condition.has(kind)))
    }

    /// Share of a host's CPU in use, and bytes of memory that are free, as an exporter tells them.
    pub fn metrics(&self, host: usize) -> (f64, f64) {
        let (Some(condition), Some(traits)) = (self.conditions.get(host), self.scenario.hosts.get(host))
        else {
            return (0.0, 0.0);
        };
        let free = (traits.memory_gb - condition.memory_gb) * 1e9 - self.fleet.used_bytes(host);
        (condition.metric, free.max(0.0))
    }

    pub(crate) fn take_occurred(&mut self) -> Vec<Occurrence> {
        std::mem::take(&mut self.occurred)
    }

    pub(crate) fn ended(&self) -> &[Ended] {
        &self.ended
    }
}
