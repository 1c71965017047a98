//! Deadlines, first pieces that do not come, answers that stand still.

use crate::dispatch::Dispatcher;
use crate::dispatch::attempt::{Attempt, Phase};
use crate::dispatch::job::JobState;
use crate::effect::Effect;
use crate::failure::{DispatchError, DispatchErrorCode, Failure, FailureKind};
use crate::fleet::{Contact, Host};
use crate::names::{AttemptId, JobId, Millis};

/// Milliseconds after which a silent call that was kept, because no other arm could do better, is judged again.
const AGAIN_MS: u64 = 30_000;
/// Milliseconds after a look, or a piece of an answer, within which a host counts as alive. The usual time of a look is added.
const SIGN_OF_LIFE_MS: u64 = 15_000;

impl Dispatcher {
    /// Ends what is late.
    pub(super) fn check_timeouts(&mut self) {
        let now = self.now;
        let passed = |deadline: Option<Millis>| deadline.is_some_and(|deadline| deadline <= now);
        let late: Vec<JobId> =
            self.jobs.iter().filter(|(_, job)| passed(job.deadline())).map(|(id, _)| *id).collect();
        for id in late {
            self.exceed_deadline(id);
        }
        let silent = self.attempts.iter().filter(|(_, attempt)| passed(Some(attempt.wake_at())));
        let silent: Vec<AttemptId> = silent.map(|(id, _)| *id).collect();
        for id in silent {
            match self.attempts.get(&id) {
                Some(attempt) if attempt.detached => self.close(id),
                Some(attempt) if attempt.silent_until() > now => self.hedge(id),
                Some(_) => self.give_up(id),
                None => {}
            }
        }
    }

    fn exceed_deadline(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(&id) else { return };
        let deadline_ms = job.request.deadline_ms.unwrap_or(0);
        let before = job.last_failure.as_ref();
        let before = before.map_or(String::new(), |last| format!("; before that: {}", last.kind.as_str()));
        if let JobState::Calling(attempt) = job.state {
            self.abandon(attempt, "deadline_exceeded");
        }
        let message = format!("no answer within the deadline of {deadline_ms} ms{before}");
        let hint = "allow more time, use mode fast, or a smaller model";
        self.reject(id, DispatchError::new(DispatchErrorCode::DeadlineExceeded, message, hint));
    }

    /// Closes a call nobody waits for.
    pub(super) fn close(&mut self, id: AttemptId) {
        if let Some(attempt) = self.attempts.remove(&id) {
            self.free_slot(&attempt);
            self.effects.push_back(Effect::Abort { attempt: id });
        }
    }

    fn give_up(&mut self, id: AttemptId) {
        let Some(attempt) = self.attempts.get(&id).cloned() else { return };
        if matches!(attempt.phase, Phase::Answering { held: true, .. }) {
            self.abandon(id, "client_slow");
            let message = "the client stopped reading its answer";
            let hint = "read the stream as it comes, or ask for less at once";
            let error = DispatchError::new(DispatchErrorCode::ClientSlow, message, hint);
            self.reject_with(attempt.job, error, Some((id, &attempt)));
            return;
        }
        // Its prompt is read once a slot is free; until then, any answer of its runner is a sign of life.
        if self.waits_for_slot(&attempt, Millis(self.now.0.saturating_sub(SIGN_OF_LIFE_MS)))
            && attempt.elapsed_ms(self.now) < self.longest_silence_ms()
            && let Some(attempt) = self.attempts.get_mut(&id)
        {
            attempt.phase = Phase::BeforeFirstToken { by: self.now.plus(attempt.patience.first_ms) };
            return;
        }
        let switches = attempt.patience.switch.is_some_and(|switch| switch <= self.now);
        if !switches && self.looks_first(id) {
            return;
        }
        if let Some(job) = self.jobs.get_mut(&attempt.job).filter(|_| switches) {
            job.tried.tried.retain(|(_, _, kind)| !kind.class().passing);
        }
        if self.is_worth_waiting_for(&attempt, switches) {
            let by = if switches { attempt.allowed_until() } else { Millis(0) };
            let by = by.max(self.now.plus(if by > self.now { 0 } else { AGAIN_MS }));
            if let Some(attempt) = self.attempts.get_mut(&id) {
                attempt.patience.switch = None;
                attempt.phase = Phase::BeforeFirstToken { by };
            }
            return;
        }
        let kind = match attempt.phase {
            Phase::Answering { .. } => FailureKind::Stalled,
            Phase::BeforeFirstToken { .. } if attempt.running.loading => FailureKind::LoadTimeout,
            Phase::BeforeFirstToken { .. } => FailureKind::FirstTokenTimeout,
        };
        let failure = Failure::new(kind, format!("after {} ms", attempt.elapsed_ms(self.now)));
        // A deadline that sends the job to another arm is nobody's fault.
        if !switches {
            self.blame(&attempt, &failure);
        }
        self.abandon(id, kind.as_str());
        self.move_on(&attempt, id, failure);
    }

    /// A silent call whose host is alive is kept while its job has no other arm, or none that could make its deadline: giving
    /// up would only fail the job.
    fn is_worth_waiting_for(&self, attempt: &Attempt, switches: bool) -> bool {
        let silent = matches!(attempt.phase, Phase::BeforeFirstToken { .. });
        let most_ms = self.longest_silence_ms();
        if !silent || attempt.elapsed_ms(self.now) >= most_ms {
            return false;
        }
        let Some(job) = self.jobs.get(&attempt.job) else { return false };
        let alive = |host: &Host| {
            matches!(host.contact, Contact::Up)
                && self.now.since(host.looked) < SIGN_OF_LIFE_MS + host.pace.likely_ms()
        };
        if !self.fleet.hosts.get(attempt.host_position).is_some_and(alive) {
            return false;
        }
        if job.calls(self.config.max_attempts) + 1 >= self.config.max_attempts {
            return true;
        }
        let arm = (attempt.host.clone(), Some(attempt.model.clone()), FailureKind::FirstTokenTimeout);
        let mut tried = job.tried.clone();
        tried.tried.push(arm);
        let left_s =
            job.deadline().filter(|_| switches).map(|deadline| deadline.since(self.now) as f64 / 1e3);
        let waited_ms = self.now.since(job.submitted);
        let backlogs = self.backlogs();
        let ranked = self.view(&backlogs).rank(&job.request, &tried, waited_ms);
        !ranked.arms.iter().any(|arm| left_s.is_none_or(|left_s| arm.expected_s < left_s))
    }
}
