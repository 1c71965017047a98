//! The live host: the scheduler under the wall clock, and who waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, oneshot, watch};

use crate::catalog::Catalog;
use crate::config::{Config, ConfigError};
use crate::fault::{Fault, FaultKind, Faults};
use crate::machine::Machine;
use crate::scheduler::{FOREVER, JobId, LoadError, Nanos, Notice, Scheduler};
use crate::stats::Stats;

/// One simulated host.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) config: Config,
    pub(crate) catalog: Catalog,
    started: Instant,
    started_at: Timestamp,
    state: Mutex<State>,
    /// Wakes the clock when something is due earlier than it thinks.
    due_earlier: Notify,
    /// Counts changes of pace and of faults; waiters look again.
    changes: watch::Sender<u64>,
}

/// What the lock guards.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) scheduler: Scheduler,
    pub(crate) machine: Machine,
    pub(crate) faults: Faults,
    pub(crate) stats: Stats,
    pub(super) waiters: HashMap<JobId, oneshot::Sender<Result<(), LoadError>>>,
    pub(super) names: HashMap<JobId, Arc<str>>,
    pub(super) next_job: u64,
    armed: Option<Nanos>,
}

impl Host {
    pub(crate) fn new(config: Config) -> Result<Arc<Self>, ConfigError> {
        let mut faults = Faults::new(config.seed);
        for fault in &config.faults {
            faults.add(0, fault.clone());
        }
        let state = State {
            scheduler: Scheduler::new(config.limits()?),
            machine: Machine::new(config.share.then_some(1.0)),
            faults,
            stats: Stats::default(),
            waiters: HashMap::new(),
            names: HashMap::new(),
            next_job: 0,
            armed: None,
        };
        Ok(Arc::new(Self {
            catalog: Catalog::new(&config)?,
            config,
            started: Instant::now(),
            started_at: Timestamp::now(),
            state: Mutex::new(state),
            due_earlier: Notify::new(),
            changes: watch::Sender::new(0),
        }))
    }

    pub(crate) fn now(&self) -> Nanos {
        self.started.elapsed().as_nanos() as Nanos
    }

    /// The wall-clock time of a moment, as ps shows it.
    pub(crate) fn wall(&self, at: Nanos) -> Timestamp {
        self.started_at
            .checked_add(SignedDuration::from_nanos(at.min(FOREVER).cast_signed()))
            .unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn instant(&self, at: Nanos) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.started + Duration::from_nanos(at))
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Runs `act` under the lock with everything due by now done, then passes on what came of it.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State, Nanos) -> T) -> T {
        let mut state = self.lock();
        let now = self.now();
        state.faults.expire(now);
        state.scheduler.advance(now);
        let result = act(&mut state, now);
        state.settle(now);
        let next = state.next_due(now);
        if next.is_some_and(|next| state.armed.is_none_or(|armed| next < armed)) {
            state.armed = next;
            self.due_earlier.notify_one();
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn announce_change(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Does what is due, for ever.
    pub(crate) async fn run_clock(self: Arc<Self>) {
        loop {
            let (next, faults_ended) = {
                let mut state = self.lock();
                let now = self.now();
                let before = state.faults.list().len();
                state.faults.expire(now);
                state.scheduler.advance(now);
                state.settle(now);
                state.armed = state.next_due(now);
                (state.armed, before != state.faults.list().len())
            };
            if faults_ended {
                self.announce_change();
            }
            // A session without end would overflow the clock's wheel: look again in a day.
            let day = self.now().saturating_add(86_400_000_000_000);
            tokio::select! {
                () = tokio::time::sleep_until(self.instant(next.unwrap_or(day).min(day))) => {}
                () = self.due_earlier.notified() => {}
            }
        }
    }

    /// What was counted, with what the scheduler knows now.
    pub(crate) fn stats(&self) -> Stats {
        self.with(|state, _| {
            let counts = state.scheduler.counts();
            Stats {
                loads: counts.loads,
                load_aborts: counts.load_aborts,
                load_failures: counts.load_failures,
                evictions: counts.evictions,
                reloads: counts.reloads,
                unloads: counts.unloads,
                refused: counts.refused + state.stats.refused,
                queued: state.scheduler.queued(),
                in_flight: state.stats.models.values().map(|model| model.in_flight).sum(),
                loaded: state.scheduler.runners().map(|(_, runner)| runner.name.to_string()).collect(),
                ..state.stats.clone()
            }
        })
    }

    pub(crate) fn add_fault(&self, fault: Fault) -> u64 {
        let crashes = fault.kind == FaultKind::Down && !fault.reset;
        let id = self.with(|state, now| {
            if crashes {
                state.scheduler.crash();
            }
            state.faults.add(now, fault)
        });
        self.announce_change();
        id
    }

    pub(crate) fn remove_faults(&self, id: Option<u64>) -> usize {
        let removed = self.with(|state, _| state.faults.remove(id));
        self.announce_change();
        removed
    }
}

impl State {
    /// Hands notices to whom they concern until nothing more is due.
    fn settle(&mut self, now: Nanos) {
        loop {
            while let Some(notice) = self.scheduler.poll() {
                match notice {
                    Notice::LoadStarted(job) => self.maybe_doom(now, job),
                    Notice::Ready(job) | Notice::Slot(job) => self.answer(job, Ok(())),
                    Notice::Failed(job, error) => self.answer(job, Err(error)),
                }
            }
            if self.scheduler.next_event().is_none_or(|at| at > now) {
                return;
            }
            self.scheduler.advance(now);
        }
    }

    fn maybe_doom(&mut self, now: Nanos, job: JobId) {
        let model = self.names.get(&job).cloned();
        if let Some(fault) = self.faults.draw(now, FaultKind::Oom, model.as_deref(), "") {
            self.scheduler
                .doom(job, fault.text.unwrap_or_else(|| "cudaMalloc failed: out of memory".to_owned()));
        }
    }

    fn answer(&mut self, job: JobId, result: Result<(), LoadError>) {
        if let Some(waiter) = self.waiters.remove(&job) {
            // A waiter that is gone leaves by its ticket.
            let _gone = waiter.send(result);
        }
    }

    fn next_due(&mut self, now: Nanos) -> Option<Nanos> {
        self.faults.expire(now).into_iter().chain(self.scheduler.next_event()).min()
    }
}
