//! Calls of arms: begun, refused, broken, answered.

use smart_ai_core::FailureKind;

use super::Truth;
use super::condition::Power;
use crate::virtual_time::fleet::{RunnerState, Work};
use crate::virtual_time::scenario::FaultKind;

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

impl Truth<'_> {
    pub(super) fn break_calls(&mut self, host: usize, which: impl Fn(&Call) -> bool, kind: FailureKind) {
        for id in 0..self.calls.len() {
            if self.calls.get(id).is_some_and(|call| !call.over && call.host == host && which(call)) {
                self.fail(id, kind);
            }
        }
    }

    pub(super) fn fail(&mut self, id: usize, kind: FailureKind) {
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
}
