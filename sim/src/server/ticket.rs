//! A request's hold on a model, from asking for it to giving it back.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::host::Host;
use crate::catalog::Model;
use crate::fault::FaultKind;
use crate::scheduler::{Demand, JobId, LoadError, LoadOptions, Nanos, QueueFull};

impl Host {
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
