//! The live host: the scheduler under the wall clock, and who waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, oneshot, watch};

use crate::catalog::{Catalog, Model};
use crate::config::{Config, ConfigError};
use crate::fault::{Fault, FaultKind, Faults};
use crate::machine::Machine;
use crate::scheduler::{Demand, FOREVER, JobId, LoadError, LoadOptions, Nanos, Notice, QueueFull, Scheduler};
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
    waiters: HashMap<JobId, oneshot::Sender<Result<(), LoadError>>>,
    names: HashMap<JobId, Arc<str>>,
    next_job: u64,
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
            machine: Machine::new(config.share),
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

    /// Asks for a runner of this model.
    pub(crate) fn submit(
        self: &Arc<Self>,
        model: &Arc<Model>,
        options: LoadOptions,
        session: Option<Nanos>,
        path: &'static str,
    ) -> Result<Ticket, QueueFull> {
        let bytes = model.resident_bytes(options.num_ctx);
        let (job, ready) = self.with(|state, now| {
            let job = JobId(state.next_job);
            state.next_job += 1;
            let slow = state.faults.holds(now, FaultKind::Slow, Some(&model.short), path);
            let demand = Demand {
                key: model.key.clone(),
                name: model.short.clone(),
                options,
                session,
                bytes,
                load_time: (model.load_time as f64 * slow.and_then(|s| s.factor).unwrap_or(1.0)) as Nanos,
                slots: model.slots,
            };
            if state.faults.draw(now, FaultKind::Busy, Some(&model.short), path).is_some() {
                state.stats.refused += 1;
                return Err(QueueFull);
            }
            let (waiter, ready) = oneshot::channel();
            state.waiters.insert(job, waiter);
            state.names.insert(job, model.short.clone());
            if let Err(full) = state.scheduler.submit(now, job, demand) {
                state.waiters.remove(&job);
                state.names.remove(&job);
                return Err(full);
            }
            let counts = state.stats.models.entry(model.short.to_string()).or_default();
            counts.requests += 1;
            counts.in_flight += 1;
            counts.max_in_flight = counts.max_in_flight.max(counts.in_flight);
            Ok((job, ready))
        })?;
        Ok(Ticket { host: self.clone(), model: model.clone(), job, waiting: Some(ready), ended: false })
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

/// A request's hold on a model. Dropped before its end, it counts as aborted and gives everything back.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) host: Arc<Host>,
    pub(crate) model: Arc<Model>,
    pub(crate) job: JobId,
    waiting: Option<oneshot::Receiver<Result<(), LoadError>>>,
    ended: bool,
}

impl Ticket {
    /// Waits until the model is loaded.
    pub(crate) async fn loaded(&mut self) -> Result<(), LoadError> {
        let Some(waiting) = self.waiting.take() else { return Ok(()) };
        let lost = || LoadError::Doomed("the host went down".to_owned());
        let result = waiting.await.unwrap_or_else(|_| Err(lost()));
        if result.is_err() {
            self.end();
        }
        result
    }

    /// Waits for a slot of the loaded model and begins to work at `pace`.
    pub(crate) async fn slot(&mut self, pace: f64) {
        let (waiter, granted) = oneshot::channel();
        self.host.with(|state, _| {
            state.waiters.insert(self.job, waiter);
            state.scheduler.acquire(self.job);
        });
        // A closed channel means that the host went down: the connection is about to break.
        let _lost = granted.await;
        self.host.with(|state, now| {
            state.machine.start(now, self.job, self.model.key.clone(), pace);
            let active = state
                .scheduler
                .runners()
                .find(|(key, _)| **key == *self.model.key)
                .map_or(0, |(_, runner)| runner.active() as u64);
            let counts = state.stats.models.entry(self.model.short.to_string()).or_default();
            counts.max_active = counts.max_active.max(active);
        });
        if self.host.config.share {
            self.host.announce_change();
        }
    }

    /// The request ended as it should.
    pub(crate) fn end(&mut self) {
        if !self.ended {
            self.leave(true);
        }
    }

    fn leave(&mut self, completed: bool) {
        self.ended = true;
        let others_speed_up = self.host.with(|state, now| {
            state.waiters.remove(&self.job);
            state.names.remove(&self.job);
            *(if completed { &mut state.stats.completed } else { &mut state.stats.aborted }) += 1;
            if let Some(counts) = state.stats.models.get_mut(&*self.model.short) {
                counts.in_flight = counts.in_flight.saturating_sub(1);
            }
            let speed_up = state.machine.stop(now, self.job);
            state.scheduler.leave(now, self.job);
            speed_up
        });
        if others_speed_up {
            self.host.announce_change();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.ended {
            self.leave(false);
        }
    }
}
