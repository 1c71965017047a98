//! Carries out what the dispatcher wants: calls, their ends, hosts that start and stop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use smart_ai_core::wire;
use smart_ai_core::{Arm, AttemptId, DispatchError, Effect, FailureKind, JobId, Outcome};

use super::KeptAnswer;
use super::call::Call;
use super::clock::since_1970;
use super::ledger::{Caller, Underway, Waiting};
use super::message::Reporter;
use super::observer::{self, JobEnd, Texts};
use super::passing::relay;
use super::relay::RelayEnd;
use super::task::Task;

impl Task {
    /// `computing`: how long the decision took that the effect comes from.
    pub(super) fn carry_out(&mut self, effect: Effect, computing: Duration) {
        match effect {
            Effect::Call { job, attempt, host, model, options } => {
                let (Some(waiting), Some(server)) = (self.jobs.get_mut(&job), self.hosts.get(&host)) else {
                    return;
                };
                let arm = Arm { host, model };
                if waiting.calls == 0 {
                    self.observers.left_queue(&waiting.request);
                }
                waiting.calls += 1;
                let decision = self.dispatcher.decision(job);
                self.observers.called(&observer::Call {
                    arm: &arm,
                    request: &waiting.request,
                    decision: decision.as_ref(),
                    failed: waiting.failed.as_ref(),
                    computing,
                });
                let report = Reporter { attempt, messages: self.messages.clone() };
                let task = match &waiting.caller {
                    Caller::Ask { ask, .. } => {
                        let (ask, model) = (Arc::clone(ask), arm.model.clone());
                        let streams = waiting.request.streaming;
                        let call = Call::new(wire::Call::new(ask, attempt, model, options, streams));
                        waiting.begun.insert(attempt, call.clone());
                        tokio::spawn(call.carry_out(server.clone(), report))
                    }
                    Caller::Relay { relay: request, .. } => {
                        let (request, name) = (Arc::clone(request), self.observers.name(job));
                        let call = relay(server.clone(), arm.clone(), name, request, options, report);
                        tokio::spawn(call)
                    }
                };
                let task = task.abort_handle();
                self.calls.insert(attempt, Underway { job, arm, began_at: since_1970(), task });
            }
            Effect::Abort { attempt } => {
                self.call_ended(attempt, "cancelled", None);
                if let Some(call) = self.calls.remove(&attempt) {
                    call.task.abort();
                }
            }
            Effect::Resolve { job, outcome } => self.end(job, None, outcome),
            Effect::Reject { job, error, outcome } => self.end(job, Some(error), outcome),
            Effect::StartHost { host, within_ms } => self.power(host, within_ms, true),
            Effect::StopHost { host, within_ms } => self.power(host, within_ms, false),
            Effect::Prepared { job, prepared } => {
                if let Some(host) = prepared.host.as_ref().filter(|_| prepared.ok) {
                    self.renewals.ready(host);
                }
                if let Some(reply) = self.prepares.remove(&job) {
                    // Whoever no longer waits has given it up.
                    drop(reply.send(prepared));
                }
            }
            Effect::Refresh { .. } | Effect::Load { .. } | Effect::Unload { .. } => self.exchange(&effect),
        }
    }

    /// Tells what would stop a host for idleness, such as Sablier, that a call is under way there, or that a model was prepared.
    pub(super) fn renew(&mut self) {
        for (id, power) in &self.powers {
            let Some(every) = power.renew_every() else { continue };
            let in_use = self.calls.values().any(|call| call.arm.host == *id);
            if self.renewals.are_due(id, in_use, every, Instant::now()) {
                let power = Arc::clone(power);
                // One that fails is made up for by the next.
                tokio::spawn(async move { drop(power.start().await) });
            }
        }
    }

    fn end(&mut self, id: JobId, error: Option<DispatchError>, outcome: Outcome) {
        let Some(Waiting { caller, request, calls, submitted_at, mut made, mut begun, .. }) =
            self.jobs.remove(&id)
        else {
            return;
        };
        if calls == 0 {
            self.observers.left_queue(&request);
        }
        let decision = self.dispatcher.decision(id);
        let call = outcome.attempt.and_then(|attempt| begun.remove(&attempt));
        let mut machine = call.as_ref().map(Call::machine);
        let answer = machine.as_ref().map(|call| call.text());
        let (texts, traceparent) = match &caller {
            Caller::Ask { ask, .. } => (Texts { ask: Some(&**ask), answer }, None),
            Caller::Relay { relay, .. } => (Texts::default(), relay.traceparent.as_deref()),
        };
        // Calls that go on without anybody who waits for them.
        for (attempt, call) in self.calls.iter().filter(|(_, call)| call.job == id) {
            if made.iter().all(|call| call.attempt != *attempt) {
                made.push(call.made(*attempt, "cancelled"));
            }
        }
        self.observers.ended(&JobEnd {
            job: id,
            submitted_at,
            ended_at: since_1970(),
            request: &request,
            outcome: &outcome,
            error: error.as_ref(),
            decision: decision.as_ref(),
            texts,
            calls: &made,
            traceparent,
        });
        self.has_learned = true;
        match caller {
            Caller::Ask { ask, reply, .. } => {
                let answer = match &mut machine {
                    Some(call) => call.answer(error, outcome, decision),
                    None => ask.answer(error, outcome, decision),
                };
                // A caller that is gone needs no answer.
                drop(reply.send(KeptAnswer { answer, job: self.observers.name(id) }));
            }
            Caller::Relay { refusal, reply, .. } => drop(reply.send(RelayEnd { outcome, error, refusal })),
        }
    }

    /// Counts a call's end.
    pub(super) fn call_ended(
        &mut self,
        attempt: AttemptId,
        outcome: &'static str,
        failure: Option<FailureKind>,
    ) {
        let Some(call) = self.calls.get(&attempt) else { return };
        self.observers.call_ended(&call.arm, outcome);
        let Some(job) = self.jobs.get_mut(&call.job) else { return };
        job.made.push(call.made(attempt, outcome));
        job.calls = job.calls.saturating_sub(1);
        if job.calls == 0 {
            self.observers.queued(&job.request);
        }
        if let Some(kind) = failure {
            job.failed = Some((call.arm.clone(), kind));
        }
    }
}
