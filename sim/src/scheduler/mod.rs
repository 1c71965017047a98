//! Ollama's scheduler (`server/sched.go`) as a state machine: no clock, no I/O.
//!
//! A driver calls [`Scheduler::submit`], [`Scheduler::acquire`] and [`Scheduler::leave`] with its own time, sends [`Scheduler::advance`] no later
//! than [`Scheduler::next_event`], and **drains [`Scheduler::poll`] after every call**. The live server drives it with the wall clock,
//! `virtual_time::fleet` with a clock that jumps.
//!
//! What it keeps of Ollama: one load at a time, a loaded and compatible model bypasses the queue, the queue's head blocks the rest while it waits for
//! an eviction, the victim is the idle runner with the shortest `keep_alive` and then the first name, a change of load options reloads, a load is
//! aborted when its client leaves, and a runner is never unloaded while somebody uses it.

mod eviction;
mod memory;
mod queue;
mod runner;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

pub use memory::{Dimensions, Memory, predicted_bytes};
pub use runner::Runner;

/// Nanoseconds since the driver's start of time.
pub type Nanos = u64;

/// A `keep_alive` without end: Go's largest duration, 292 years.
pub const FOREVER: Nanos = i64::MAX as u64;

/// One request, named by the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// Options that are fixed when a model is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadOptions {
    /// Context length in tokens.
    pub num_ctx: u64,
    /// Layers on the GPU; negative leaves it to Ollama and never causes a reload.
    pub num_gpu: i64,
    /// Batch size, main GPU, threads and memory mapping.
    pub rest: (i64, i64, i64, Option<bool>),
}

impl LoadOptions {
    fn differs(&self, wanted: &Self) -> bool {
        self.num_ctx != wanted.num_ctx
            || self.rest != wanted.rest
            || (wanted.num_gpu >= 0 && self.num_gpu != wanted.num_gpu)
    }
}

/// What a job needs.
#[derive(Clone, Debug)]
pub struct Demand {
    /// The model file; tags of the same file share a runner.
    pub key: Arc<str>,
    /// The tag that was asked for.
    pub name: Arc<str>,
    /// Options a runner must have been loaded with.
    pub options: LoadOptions,
    /// `keep_alive` of the request; `None` keeps the runner's own.
    pub session: Option<Nanos>,
    /// Bytes the runner will take.
    pub bytes: u64,
    /// Time a load takes.
    pub load_time: Nanos,
    /// Requests the runner will answer at once.
    pub slots: u32,
}

/// Limits of a host.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `OLLAMA_MAX_QUEUE`: requests that may wait behind the one being placed.
    pub max_queue: usize,
    /// `OLLAMA_MAX_LOADED_MODELS`.
    pub max_loaded: usize,
    /// Memory and the fit rule.
    pub memory: Memory,
    /// Whether a model larger than the host's memory is refused instead of loaded.
    pub refuse_oversize: bool,
    /// `OLLAMA_KEEP_ALIVE`, for requests that name none.
    pub keep_alive: Nanos,
    /// Time from the decision to unload until the memory is free.
    pub unload_time: Nanos,
}

/// The queue is full: `server busy, please try again.  maximum pending requests exceeded`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull;

/// Why a load ended without a runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The model is larger than the host's memory.
    TooLarge {
        /// Bytes needed.
        need: u64,
        /// Bytes of the host.
        available: u64,
    },
    /// The driver doomed the load; its words.
    Doomed(String),
}

/// What happened; drain with [`Scheduler::poll`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A load began for this job. The driver may doom it with [`Scheduler::doom`].
    LoadStarted(JobId),
    /// The job has its runner.
    Ready(JobId),
    /// The job has a slot of its runner.
    Slot(JobId),
    /// The job's load failed.
    Failed(JobId, LoadError),
}

/// What the scheduler counted since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Loads begun.
    pub loads: u64,
    /// Loads given up because the client left.
    pub load_aborts: u64,
    /// Loads that failed.
    pub load_failures: u64,
    /// Runners unloaded to make room for another model.
    pub evictions: u64,
    /// Runners unloaded because a request wanted other load options.
    pub reloads: u64,
    /// Runners unloaded for any reason.
    pub unloads: u64,
    /// Requests refused because the queue was full.
    pub refused: u64,
}

/// A load in progress.
#[derive(Clone, Debug)]
struct Load {
    job: JobId,
    demand: Demand,
    ready_at: Nanos,
    doom: Option<String>,
}

/// A request that is not placed yet.
#[derive(Clone, Debug)]
struct Pending {
    job: JobId,
    demand: Demand,
    /// Its client left while it was at the head, which Ollama notices only when it loads.
    gone: bool,
    /// Number of unloads when it began to wait for one; nothing is tried again before the next.
    waits_since: Option<u64>,
}

/// The state machine.
#[derive(Clone, Debug)]
pub struct Scheduler {
    limits: Limits,
    runners: BTreeMap<Arc<str>, Runner>,
    /// Which runner each placed job holds.
    holds: BTreeMap<JobId, Arc<str>>,
    head: Option<Pending>,
    pending: VecDeque<Pending>,
    loading: Option<Load>,
    notices: VecDeque<Notice>,
    counts: Counts,
}

impl Scheduler {
    /// An empty host.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            runners: BTreeMap::new(),
            holds: BTreeMap::new(),
            head: None,
            pending: VecDeque::new(),
            loading: None,
            notices: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    /// A request asks for a runner. Answered by [`Notice::Ready`] or [`Notice::Failed`].
    ///
    /// # Errors
    /// [`QueueFull`] when the model is not loaded and `max_queue` requests wait already.
    pub fn submit(&mut self, now: Nanos, job: JobId, demand: Demand) -> Result<(), QueueFull> {
        self.advance(now);
        if let Some(runner) = self.runners.get_mut(&demand.key)
            && !runner.needs_reload(&demand.options)
        {
            runner.take(job, demand.session);
            self.holds.insert(job, demand.key);
            self.notices.push_back(Notice::Ready(job));
            return Ok(());
        }
        let placing = self.head.is_some() || self.loading.is_some();
        if placing && self.pending.len() >= self.limits.max_queue {
            self.counts.refused += 1;
            return Err(QueueFull);
        }
        self.pending.push_back(Pending { job, demand, gone: false, waits_since: None });
        self.place_pending(now);
        Ok(())
    }

    /// A job that has its runner asks for a slot. Answered by [`Notice::Slot`], in order of asking.
    pub fn acquire(&mut self, job: JobId) {
        if let Some(runner) = self.holds.get(&job).and_then(|key| self.runners.get_mut(key)) {
            runner.waiting.push_back(job);
            if let Some(next) = runner.next_with_slot() {
                self.notices.push_back(Notice::Slot(next));
            }
        }
    }

    /// The job's slot reads this prompt. The share of it that its runner holds from an earlier one, 0 to 1.
    pub fn read(&mut self, job: JobId, prompt: &str) -> f64 {
        let runner = self.holds.get(&job).and_then(|key| self.runners.get_mut(key));
        runner.map_or(0.0, |runner| runner.read(prompt))
    }

    /// The job ended or its client left, at whatever stage it was.
    pub fn leave(&mut self, now: Nanos, job: JobId) {
        self.advance(now);
        if let Some(key) = self.holds.remove(&job) {
            self.release(now, &key, job);
        } else if self.loading.as_ref().is_some_and(|load| load.job == job) {
            self.loading = None;
            self.counts.load_aborts += 1;
        } else if let Some(head) = self.head.as_mut().filter(|head| head.job == job) {
            head.gone = true;
        } else {
            self.pending.retain(|pending| pending.job != job);
        }
        self.place_pending(now);
    }

    /// An explicit unload (`keep_alive` 0 without prompt): now if idle, else when its last user leaves.
    pub fn unload(&mut self, now: Nanos, key: &str) {
        self.advance(now);
        if let Some(runner) = self.runners.get_mut(key) {
            runner.expires_at = Some(now);
        }
        self.expire(now, key);
        self.place_pending(now);
    }

    /// Makes the load in progress for this job fail when it would have ended.
    pub fn doom(&mut self, job: JobId, reason: String) {
        if let Some(load) = self.loading.as_mut().filter(|load| load.job == job) {
            load.doom = Some(reason);
        }
    }

    /// The process died: every runner is gone, every job is forgotten.
    pub fn crash(&mut self) {
        let Self { limits, counts, .. } = self;
        *self = Self { counts: *counts, ..Self::new(limits.clone()) };
    }

    /// Ends what was to end by `now`: loads, sessions, unloads, each at its own time.
    pub fn advance(&mut self, now: Nanos) {
        while let Some(at) = self.next_event().filter(|at| *at <= now) {
            self.end_load(at);
            self.end_sessions(at);
            self.end_unloads(at);
            self.place_pending(at);
        }
    }

    /// When [`Scheduler::advance`] has something to do.
    pub fn next_event(&self) -> Option<Nanos> {
        let runners = self.runners.values().flat_map(|runner| [runner.timer, runner.unloading_until]);
        runners.flatten().chain(self.loading.as_ref().map(|load| load.ready_at)).min()
    }

    /// The next thing that happened.
    pub fn poll(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// Loaded runners by file.
    pub fn runners(&self) -> impl Iterator<Item = (&str, &Runner)> {
        self.runners.iter().map(|(key, runner)| (&**key, runner))
    }

    /// The file being loaded.
    pub fn loading(&self) -> Option<&str> {
        self.loading.as_ref().map(|load| &*load.demand.key)
    }

    /// When the load in progress will be over.
    pub fn load_ends_at(&self) -> Option<Nanos> {
        self.loading.as_ref().map(|load| load.ready_at)
    }

    /// What requests that wait for a load or an eviction need, in their order; the load in progress is not among them.
    pub fn waiting(&self) -> impl Iterator<Item = &Demand> {
        self.head.iter().chain(&self.pending).map(|pending| &pending.demand)
    }

    /// The runner of a file.
    pub fn runner(&self, key: &str) -> Option<&Runner> {
        self.runners.get(key)
    }

    /// Bytes of all runners and of the load in progress.
    pub fn used_bytes(&self) -> u64 {
        let loaded: u64 = self.runners.values().map(|runner| runner.bytes).sum();
        loaded + self.loading.as_ref().map_or(0, |load| load.demand.bytes)
    }

    /// The host's memory and fit rule from now on; what is loaded stays until room is needed.
    pub fn set_memory(&mut self, memory: Memory) {
        self.limits.memory = memory;
    }

    /// Requests that wait for a load or an eviction, the one being placed included.
    pub fn queued(&self) -> usize {
        self.pending.len() + usize::from(self.head.is_some()) + usize::from(self.loading.is_some())
    }

    /// What was counted.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}
