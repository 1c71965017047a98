//! One host: the scheduler decides who loads, waits and leaves, the machine how fast jobs work.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ArmTraits, Happening, HostTraits, RunnerState, Work, seconds};
use crate::duration::nanos;
use crate::machine::Machine;
use crate::scheduler::{Demand, JobId, Limits, LoadOptions, Memory, Nanos, Notice, Runner, Scheduler};

/// Ollama's share of the free memory that a further model may take (0.30, `server/sched.go`).
const FIT: f64 = 0.8;
/// Ollama's `OLLAMA_MAX_QUEUE`.
const MAX_QUEUE: usize = 512;
/// A model larger than its host works this many times slower.
const MISFIT_SLOWDOWN: f64 = 5.0;
/// Work that is left by rounding only, in nanoseconds.
const NOTHING: f64 = 0.5;
/// Load options that every call has.
const OPTIONS: LoadOptions = LoadOptions { num_ctx: 4096, num_gpu: -1, rest: (0, 0, 0, None) };

#[derive(Clone, Debug)]
pub(super) struct Host {
    position: usize,
    scheduler: Scheduler,
    machine: Machine,
    models: Vec<Model>,
    memory_bytes: f64,
    parallel: u32,
    tasks: BTreeMap<JobId, Task>,
    /// The job whose load is in progress.
    loads_for: Option<JobId>,
    unloads_told: u64,
    next_at: Option<Nanos>,
}

#[derive(Clone, Debug)]
struct Model {
    key: Arc<str>,
    bytes: f64,
    load_s: f64,
    /// Larger than the memory when it was loaded, so partly offloaded until it leaves.
    misfit: bool,
}

/// A job with its work in nanoseconds at speed 1.
#[derive(Clone, Copy, Debug)]
struct Task {
    model: usize,
    prefill: f64,
    total: f64,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Stage {
    /// Waits for its runner or its slot.
    Waits,
    Prefill,
    Decode,
}

impl Task {
    /// Work at which its stage is over.
    fn until(&self) -> Option<f64> {
        match self.stage {
            Stage::Waits => None,
            Stage::Prefill => Some(self.prefill),
            Stage::Decode => Some(self.total),
        }
    }
}

impl Host {
    pub(super) fn new(position: usize, traits: &HostTraits, arms: &[ArmTraits]) -> Self {
        let model = |arm: &ArmTraits| Model {
            key: arm.name.as_str().into(),
            bytes: arm.bytes,
            load_s: arm.load_s.max(0.0),
            misfit: false,
        };
        let limits = Limits {
            max_queue: MAX_QUEUE,
            max_loaded: traits.max_loaded.max(1) as usize,
            memory: memory(traits.memory_bytes),
            refuse_oversize: false,
            keep_alive: nanos(traits.keep_alive_s),
            unload_time: 0,
        };
        let mut machine = Machine::new(Some(traits.sharing));
        machine.set_speed(0, traits.speed);
        Self {
            position,
            scheduler: Scheduler::new(limits),
            machine,
            models: arms.iter().map(model).collect(),
            memory_bytes: traits.memory_bytes,
            parallel: traits.parallel.max(1),
            tasks: BTreeMap::new(),
            loads_for: None,
            unloads_told: 0,
            next_at: None,
        }
    }

    pub(super) fn next_at(&self) -> Option<Nanos> {
        self.next_at
    }

    pub(super) fn look_up_next(&mut self) {
        let stages = self.tasks.iter().filter_map(|(job, task)| Some(self.machine.eta(*job, task.until()?)));
        let next = stages.chain(self.scheduler.next_event()).min();
        self.next_at = next.filter(|at| *at < Nanos::MAX);
    }

    /// Plays on to this time.
    pub(super) fn advance(&mut self, to: Nanos, happened: &mut Vec<Happening>) {
        while let Some(at) = self.next_at.filter(|at| *at <= to) {
            self.end_stages(at, happened);
            self.scheduler.advance(at);
            self.settle(at, happened);
            self.look_up_next();
        }
    }

    fn end_stages(&mut self, now: Nanos, happened: &mut Vec<Happening>) {
        let over = |(job, task): (&JobId, &Task)| {
            let left = task.until()? - self.machine.done(now, *job);
            (left <= NOTHING).then_some((*job, task.stage))
        };
        let over: Vec<(JobId, Stage)> = self.tasks.iter().filter_map(over).collect();
        for (job, stage) in over {
            let JobId(number) = job;
            if stage == Stage::Decode {
                happened.push(Happening::Finished { job: number, at: seconds(now) });
                self.remove(now, job);
            } else if let Some(task) = self.tasks.get_mut(&job) {
                task.stage = Stage::Decode;
                happened.push(Happening::FirstToken { job: number, at: seconds(now) });
            }
        }
    }

    fn remove(&mut self, now: Nanos, job: JobId) {
        self.tasks.remove(&job);
        self.machine.stop(now, job);
        if self.loads_for == Some(job) {
            self.loads_for = None;
        }
        self.scheduler.leave(now, job);
    }

    /// Hands on what the scheduler decided.
    fn settle(&mut self, now: Nanos, happened: &mut Vec<Happening>) {
        let at = seconds(now);
        while let Some(notice) = self.scheduler.poll() {
            match notice {
                Notice::LoadStarted(job) => self.note_load(job),
                Notice::Ready(job) => {
                    if self.loads_for.take_if(|loader| *loader == job).is_some()
                        && let Some(task) = self.tasks.get(&job)
                    {
                        happened.push(Happening::Loaded { host: self.position, model: task.model, at });
                    }
                    happened.push(Happening::Ready { job: job.0, at });
                    self.scheduler.acquire(job);
                }
                Notice::Slot(job) => {
                    self.start(now, job);
                    happened.push(Happening::Started { job: job.0, at });
                }
                // No load is doomed here, and none is refused for its size.
                Notice::Failed(..) => {}
            }
        }
        let unloads = self.scheduler.counts().unloads;
        let count = unloads - std::mem::replace(&mut self.unloads_told, unloads);
        if count > 0 {
            happened.push(Happening::Unloaded { host: self.position, count });
        }
    }

    fn note_load(&mut self, job: JobId) {
        self.loads_for = Some(job);
        let memory_bytes = self.memory_bytes;
        let model = self.tasks.get(&job).and_then(|task| self.models.get_mut(task.model));
        if let Some(model) = model {
            model.misfit = model.bytes > memory_bytes;
        }
    }

    fn start(&mut self, now: Nanos, job: JobId) {
        let Some(task) = self.tasks.get_mut(&job) else { return };
        let Some(model) = self.models.get(task.model) else { return };
        task.stage = Stage::Prefill;
        let pace = if model.misfit { 1.0 / MISFIT_SLOWDOWN } else { 1.0 };
        self.machine.start(now, job, model.key.clone(), pace);
    }

    pub(super) fn submit(&mut self, now: Nanos, place: usize, work: Work, happened: &mut Vec<Happening>) {
        let Some(model) = self.models.get(place) else { return };
        let duration = |seconds: f64| if seconds.is_finite() { seconds.max(0.0) * 1e9 } else { 0.0 };
        // A microsecond at least, so that each job has a first token.
        let prefill = duration(work.prefill_s).max(1e3);
        let total = prefill + duration(work.decode_s);
        let demand = Demand {
            key: model.key.clone(),
            name: model.key.clone(),
            options: OPTIONS,
            session: work.keep_alive_s.map(nanos),
            bytes: model.bytes as u64,
            load_time: nanos(model.load_s),
            slots: self.parallel,
        };
        let job = JobId(work.job);
        self.tasks.insert(job, Task { model: place, prefill, total, stage: Stage::Waits });
        if self.scheduler.submit(now, job, demand).is_err() {
            self.tasks.remove(&job);
            happened.push(Happening::Refused { job: work.job });
        }
        self.settle(now, happened);
    }

    /// Loads a model that no job asks for.
    pub(super) fn load(
        &mut self,
        now: Nanos,
        place: usize,
        job: u64,
        keep_alive_s: Option<f64>,
        happened: &mut Vec<Happening>,
    ) {
        let work = Work { job, prefill_s: 0.0, decode_s: 0.0, keep_alive_s };
        self.submit(now, place, work, happened);
    }

    /// Lets a model leave as soon as no job uses it.
    pub(super) fn unload(&mut self, now: Nanos, place: usize, happened: &mut Vec<Happening>) {
        let Some(key) = self.models.get(place).map(|model| model.key.clone()) else { return };
        self.scheduler.unload(now, &key);
        self.settle(now, happened);
    }

    pub(super) fn cancel(&mut self, now: Nanos, job: u64, happened: &mut Vec<Happening>) {
        if self.tasks.contains_key(&JobId(job)) {
            self.remove(now, JobId(job));
            self.settle(now, happened);
        }
    }

    pub(super) fn restart(&mut self, now: Nanos) {
        let jobs: Vec<JobId> = self.tasks.keys().copied().collect();
        for job in jobs {
            self.machine.stop(now, job);
        }
        self.tasks.clear();
        self.loads_for = None;
        self.scheduler.crash();
    }

    pub(super) fn set_speed(&mut self, now: Nanos, speed: f64) {
        self.machine.set_speed(now, speed);
    }

    pub(super) fn set_memory(&mut self, bytes: f64) {
        self.memory_bytes = bytes;
        self.scheduler.set_memory(memory(bytes));
    }

    pub(super) fn state(&self, model: usize) -> RunnerState {
        let Some(key) = self.models.get(model).map(|model| &*model.key) else { return RunnerState::Cold };
        if self.scheduler.loading() == Some(key) {
            return RunnerState::Loading;
        }
        if self.scheduler.runner(key).is_some_and(|runner| !Runner::is_unloading(runner)) {
            return RunnerState::Loaded;
        }
        let waits = self.scheduler.waiting().any(|demand| &*demand.key == key);
        if waits { RunnerState::Waiting } else { RunnerState::Cold }
    }

    pub(super) fn jobs(&self, model: usize) -> usize {
        self.tasks.values().filter(|task| task.model == model).count()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.machine.is_busy()
    }

    pub(super) fn left_s(&self, now: Nanos, model: usize) -> f64 {
        let of_model = self.tasks.iter().filter(|(_, task)| task.model == model);
        let left = of_model.map(|(job, task)| (task.total - self.machine.done(now, *job)).max(0.0));
        left.sum::<f64>() / 1e9 * self.slowdown(model)
    }

    pub(super) fn written(&self, now: Nanos, job: u64) -> f64 {
        let Some(task) = self.tasks.get(&JobId(job)) else { return 0.0 };
        let decode = (task.total - task.prefill).max(1.0);
        ((self.machine.done(now, JobId(job)) - task.prefill) / decode).clamp(0.0, 1.0)
    }

    pub(super) fn loader_s(&self, now: Nanos) -> f64 {
        let current = self.scheduler.load_ends_at().map_or(0.0, |at| seconds(at.saturating_sub(now)));
        let asked_for = |place: &usize| self.state(*place) == RunnerState::Waiting;
        current + (0..self.models.len()).filter(asked_for).map(|place| self.load_s(place)).sum::<f64>()
    }

    pub(super) fn load_s(&self, model: usize) -> f64 {
        self.models.get(model).map_or(0.0, |model| model.load_s)
    }

    pub(super) fn used_bytes(&self) -> f64 {
        self.scheduler.used_bytes() as f64
    }

    pub(super) fn speed(&self) -> f64 {
        self.machine.speed()
    }

    pub(super) fn can_load_now(&self, model: usize) -> bool {
        self.models.get(model).is_some_and(|model| self.scheduler.would_load_now(model.bytes as u64))
    }

    pub(super) fn slowdown(&self, place: usize) -> f64 {
        let Some(model) = self.models.get(place) else { return 1.0 };
        let misfit = match self.state(place) {
            RunnerState::Loaded | RunnerState::Loading => model.misfit,
            RunnerState::Cold | RunnerState::Waiting => model.bytes > self.memory_bytes,
        };
        if misfit { MISFIT_SLOWDOWN } else { 1.0 }
    }
}

fn memory(bytes: f64) -> Memory {
    Memory { total: bytes.is_finite().then_some(bytes as u64), fit: FIT }
}
