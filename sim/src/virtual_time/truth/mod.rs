//! What really happens: the hosts as Ollama runs them, with noise, drift, faults and foreign load that no policy is told of.

mod call;
mod condition;

use smart_ai_core::FailureKind;

pub(super) use call::Call;
pub(crate) use call::Occurrence;
use condition::{Change, Condition, Power};

use super::fleet::{ArmTraits, Fleet, Happening, HostTraits, RunnerState};
use super::job::{Ended, Job};
use super::scenario::{FaultKind, Scenario};

/// Seconds an idle runner stays (`OLLAMA_KEEP_ALIVE`).
pub(crate) const KEEP_ALIVE_S: f64 = 300.0;
/// Seconds over which a CPU metric is averaged.
const METRIC_WINDOW_S: f64 = 15.0;

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
        let mut truth = Self {
            scenario,
            jobs,
            fleet: Fleet::new(hosts),
            calls: Vec::new(),
            conditions: vec![Condition::default(); scenario.hosts.len()],
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

    /// Share of a host's CPU in use, and bytes of memory that are free, as an exporter tells them.
    pub fn metrics(&self, host: usize) -> (f64, f64) {
        let (Some(condition), Some(traits)) = (self.conditions.get(host), self.scenario.hosts.get(host))
        else {
            return (0.0, 0.0);
        };
        let free = (traits.memory_gb - condition.memory_gb) * 1e9 - self.fleet.used_bytes(host);
        (condition.metric, free.max(0.0))
    }

    /// A job has its answer, or will not get one.
    pub fn end(&mut self, job: usize, answered: bool) {
        let arrived = self.jobs.get(job).map_or(0.0, |job| job.arrives);
        self.ended.push(Ended { job, seconds: self.now() - arrived, answered });
    }

    pub(crate) fn take_occurred(&mut self) -> Vec<Occurrence> {
        std::mem::take(&mut self.occurred)
    }

    pub(crate) fn ended(&self) -> &[Ended] {
        &self.ended
    }
}
