//! A call that failed: what it teaches, and where its job goes next.

use crate::dispatch::Dispatcher;
use crate::dispatch::attempt::{Attempt, Phase};
use crate::dispatch::job::JobState;
use crate::dispatch::waking::is_of_sleep;
use crate::effect::{AttemptReport, Effect};
use crate::event::{Rating, Usage};
use crate::failure::{Avoid, Blame, DispatchError, DispatchErrorCode, Failure, FailureKind};
use crate::names::AttemptId;

/// Milliseconds an arm is left alone that ran out of memory, or whose model is gone: neither changes soon.
const BLOCKED_MS: u64 = 600_000;
/// Milliseconds a host is not asked for a route that it lacks, unless its version changes. No longer, since it may have been a
/// gateway before the host that did not know the route for a moment.
const LACKS_MS: u64 = 60_000;
/// Failures in a row after which an arm is left alone: fewer may be chance.
const ARM_FAILURES: u32 = 3;
/// Failures in a row after which a host is left alone that can be reached but answers something that is not Ollama's.
const HOST_FAILURES: u32 = 2;

impl Dispatcher {
    pub(super) fn call_failed(&mut self, id: AttemptId, failure: Failure) {
        let Some(attempt) = self.attempts.remove(&id) else { return };
        self.free_slot(&attempt);
        let failure = Failure { kind: failure.kind.of_arm(self.is_remote(&attempt)), ..failure };
        self.blame(&attempt, &failure);
        if attempt.detached {
            return;
        }
        self.report(&attempt, failure.kind.as_str(), failure.detail.clone());
        self.move_on(&attempt, id, failure);
    }

    /// Whether the call went to a cloud model.
    fn is_remote(&self, attempt: &Attempt) -> bool {
        let host = self.fleet.hosts.get(attempt.host_position);
        host.and_then(|host| host.models.get(&attempt.model)).is_some_and(|model| model.tag.remote)
    }

    /// What a failure teaches about its host and model.
    pub(super) fn blame(&mut self, attempt: &Attempt, failure: &Failure) {
        let now = self.now;
        let spread = self.spread(attempt.began.0);
        let Some(host) = self.fleet.hosts.get_mut(attempt.host_position) else { return };
        if attempt.slept && is_of_sleep(failure.kind) {
            host.suspect = true;
            return;
        }
        host.failed = true;
        let blame = failure.kind.class().blame;
        let alone = host.moved <= attempt.last_sign();
        // A look tells at once whether every call would be refused.
        host.suspect |= failure.kind == FailureKind::Unauthorized;
        match blame {
            Blame::Host => {
                let least = if failure.kind.is_of_connection() { 1 } else { HOST_FAILURES };
                host.breaker.trip(now, failure.clone(), least);
                // A look tells at once whether it was the connection only.
                host.suspect = true;
            }
            Blame::Load => host.breaker.rest(now, failure.clone(), spread),
            Blame::Silence if alone => host.breaker.trip(now, failure.clone(), 1),
            Blame::Route => {
                let route = self.jobs.get(&attempt.job).and_then(|job| job.request.route.clone());
                host.lacks.insert(route.unwrap_or_default(), now.plus(LACKS_MS));
            }
            Blame::Silence | Blame::Arm | Blame::ArmLoad | Blame::Model | Blame::Nobody => {}
        }
        let Some(model) = host.models.get_mut(&attempt.model) else { return };
        match blame {
            Blame::Silence => model.breaker.trip(now, failure.clone(), 1),
            Blame::Arm => model.breaker.trip(now, failure.clone(), ARM_FAILURES),
            Blame::Model => {
                let least = if failure.kind == FailureKind::OutOfMemory { attempt.context.tokens } else { 0 };
                model.blocked = Some((now.plus(BLOCKED_MS), least, failure.kind));
            }
            Blame::ArmLoad => {
                model.breaker.rest(now, failure.clone(), spread);
                return;
            }
            Blame::Host => {}
            Blame::Load | Blame::Route | Blame::Nobody => return,
        }
        model.reliability.observe(now, false);
        model.failing = model.reliability.failure_probability(now);
    }

    /// The job looks for another arm, unless nothing would help.
    pub(super) fn move_on(&mut self, attempt: &Attempt, id: AttemptId, failure: Failure) {
        let Some(job) = self.jobs.get_mut(&attempt.job) else { return };
        if job.request.streaming && matches!(attempt.phase, Phase::Answering { .. }) {
            let message = format!("the answer broke off: {}", failure.kind.as_str());
            let error =
                DispatchError::new(DispatchErrorCode::CutOff, message, "ask again; what came so far is kept");
            self.reject_with(attempt.job, error, Some((id, attempt)));
            return;
        }
        let (host, model) = (attempt.host.clone(), attempt.model.clone());
        if failure.kind.class().avoid == Avoid::NotBetter {
            self.seek_better(attempt, id, failure);
            return;
        }
        match failure.kind.class().avoid {
            Avoid::Host => job.tried.tried.push((host, None, failure.kind)),
            Avoid::Arm | Avoid::Larger => job.tried.tried.push((host, Some(model), failure.kind)),
            // The prompt is longer than estimated: ask for more context than this call had.
            Avoid::SmallerContext => {
                let had = attempt.context.tokens.max(job.request.context_prompt_tokens());
                job.request.prompt_tokens = job.request.prompt_tokens.max(had.saturating_add(1));
                job.request.longest_text_tokens = None;
                if !attempt.context.is_known
                    && let Some(host) = self.fleet.hosts.get_mut(attempt.host_position)
                    && let Some(model) = host.models.get_mut(&model)
                {
                    model.own_context_is_at_most(attempt.context.tokens);
                }
            }
            Avoid::NotBetter => {}
            Avoid::Everything => {
                let (host, said) = (&attempt.host, &failure.detail);
                let (message, hint) = if failure.kind == FailureKind::AnswerTooLong {
                    (format!("{host}: {said}"), "ask for less at once, or cap the answer's tokens")
                } else {
                    let hint = "change the request; every host would refuse it";
                    (format!("{host} refused the request: {said}"), hint)
                };
                let error = DispatchError::new(DispatchErrorCode::RequestRefused, message, hint);
                self.reject(attempt.job, error);
                return;
            }
        }
        job.last_failure = Some(failure);
        if self.falls_back_on_rival(attempt.job, id) {
            return;
        }
        let Some(job) = self.jobs.get_mut(&attempt.job) else { return };
        job.state = JobState::Waiting(None);
        self.spend_retry(attempt.job);
    }

    /// An answer that cannot be used teaches; the next one comes from a better model. Where there is none, a refusal stands as it
    /// is, and anything else ends the job with what came.
    fn seek_better(&mut self, attempt: &Attempt, id: AttemptId, failure: Failure) {
        self.settle_rivalry(attempt.job, id);
        let Some(job) = self.jobs.get(&attempt.job) else { return };
        let task = job.request.task;
        let model =
            self.fleet.hosts.get(attempt.host_position).and_then(|host| host.models.get(&attempt.model));
        let quality = model.map_or(0.0, |model| model.quality(task));
        self.feedback(&attempt.model, task, Rating::SchemaValid(false));
        let Some(job) = self.jobs.get_mut(&attempt.job) else { return };
        job.tried.above = Some(job.tried.above.unwrap_or(0.0).max(quality));
        job.tried.tried.push((attempt.host.clone(), Some(attempt.model.clone()), failure.kind));
        let Some(job) = self.jobs.get(&attempt.job) else { return };
        let waited_ms = self.now.since(job.submitted);
        let calls = job.calls(self.config.max_attempts);
        let better = calls < self.config.max_attempts
            && !self.view(&self.backlogs()).rank(&job.request, &job.tried, waited_ms).arms.is_empty();
        if !better && failure.kind == FailureKind::RefusedAnswer {
            self.resolve(attempt.job, id, attempt, Usage::default());
        } else if !better {
            let message = format!("{} on {}: {}", attempt.model, attempt.host, failure.detail);
            let hint = "no better model is left; install one, or ask for less at once";
            let error = DispatchError::new(DispatchErrorCode::InvalidAnswer, message, hint);
            self.reject_with(attempt.job, error, Some((id, attempt)));
        } else if let Some(job) = self.jobs.get_mut(&attempt.job) {
            job.last_failure = Some(failure);
            job.state = JobState::Waiting(None);
        }
    }

    pub(super) fn report(&mut self, attempt: &Attempt, outcome: &str, detail: String) {
        let report = AttemptReport {
            host: attempt.host.clone(),
            model: attempt.model.clone(),
            outcome: outcome.to_owned(),
            detail,
            ms: attempt.elapsed_ms(self.now),
        };
        if let Some(job) = self.jobs.get_mut(&attempt.job) {
            job.attempts.push(report);
        }
    }

    /// Ends a call whose job no longer wants it. A load is never cut short: the call is kept until its model is loaded.
    pub(super) fn abandon(&mut self, id: AttemptId, outcome: &str) {
        let Some(mut attempt) = self.attempts.remove(&id) else { return };
        self.free_slot(&attempt);
        self.report(&attempt, outcome, String::new());
        if attempt.running.loading {
            attempt.detached = true;
            attempt.hedge_at = None;
            self.attempts.insert(id, attempt);
        } else {
            self.effects.push_back(Effect::Abort { attempt: id });
        }
    }
}
