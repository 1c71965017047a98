//! A job from Submit to its end: waiting for an arm, then under way on one.

use crate::dispatch::Dispatcher;
use crate::dispatch::attempt::Attempt;
use crate::dispatch::budget::{HEDGE_BURST, HEDGES_PER_JOB, RETRIES_PER_JOB, RETRY_BURST};
use crate::dispatch::comparison::Compared;
use crate::dispatch::wish::Wish;
use crate::effect::AttemptReport;
use crate::failure::{DispatchError, DispatchErrorCode, Failure, FailureKind};
use crate::names::{AttemptId, JobId, Millis};
use crate::number::Between as _;
use crate::policy::{Exclusions, Ranked, Record, Scored};
use crate::random::Random;
use crate::request::Request;

/// Milliseconds a job waits for hosts nobody has looked at yet.
pub(super) const FLEET_GRACE_MS: u64 = 3_000;
/// Milliseconds a job waits for the first metrics, and for hosts nobody has looked at if a known host has a loaded model for it.
const FIRST_GRACE_MS: u64 = 500;
/// Milliseconds of the first pause before an arm is tried again whose failure may pass; doubled each time.
const FIRST_BACKOFF_MS: u64 = 500;
/// Milliseconds of the first pause if every host that may serve the job was busy; doubled each time.
const BUSY_BACKOFF_MS: u64 = 50;
/// Milliseconds of the longest pause before a job is tried again.
const LONGEST_BACKOFF_MS: u64 = 8_000;
/// Calls that busy hosts turned away are not counted, up to this many times `max_attempts`: a turned-away call did no work.
const FREE_SHARE: u32 = 3;
/// The most tokens a prompt may have; a request with more is refused as a mistake.
const MOST_TOKENS: u32 = 10_000_000;

#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) submitted: Millis,
    pub(super) state: JobState,
    pub(super) decision: Option<Box<Record>>,
    /// Both sides of its trial at the first decision.
    pub(super) compared: Option<Box<Compared>>,
    pub(super) tried: Exclusions,
    pub(super) attempts: Vec<AttemptReport>,
    /// What was expected at the first decision, in milliseconds.
    pub(super) predicted_ms: Option<f64>,
    pub(super) last_failure: Option<Failure>,
    /// Since when no arm can serve it.
    pub(super) stranded: Option<Millis>,
    /// The hedge beside the call of its state, and the decision it was made from.
    pub(super) rival: Option<(AttemptId, Option<Box<Record>>)>,
    /// The arm it waits for.
    pub(super) wish: Option<Wish>,
    /// Seconds of its work on the fastest arm, had it that one to itself; known once it waits.
    pub(super) least_s: Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum JobState {
    /// No arm yet: the fleet is not known, or a pause runs until this time.
    Waiting(Option<Millis>),
    /// Its arm is busy; it is placed anew at this time, or at an event before.
    Held { again: Millis },
    /// One call is under way.
    Calling(AttemptId),
}

impl Job {
    pub(super) fn deadline(&self) -> Option<Millis> {
        self.request.deadline_ms.map(|deadline| self.submitted.plus(deadline))
    }

    pub(super) fn wake_at(&self, dispatcher: &Dispatcher) -> Option<Millis> {
        let waiting = match self.state {
            JobState::Waiting(None) => Some(self.settled_by(dispatcher)),
            state @ (JobState::Waiting(Some(_)) | JobState::Held { .. } | JobState::Calling(_)) => {
                state.wake_at()
            }
        };
        waiting.into_iter().chain(self.deadline()).min()
    }

    /// Its calls that count against the `most` it may make. Those that a busy host turned away did no work: three times as many are
    /// free.
    pub(super) fn calls(&self, most: u32) -> u32 {
        let busy = [FailureKind::Busy.as_str(), FailureKind::RateLimited.as_str()];
        let free =
            self.attempts.iter().filter(|attempt| busy.contains(&attempt.outcome.as_str())).count() as u32;
        self.attempts.len() as u32 - free.min(most.saturating_mul(FREE_SHARE))
    }

    /// When the job looks at what is known of the fleet, though it is not all.
    fn settled_by(&self, dispatcher: &Dispatcher) -> Millis {
        let first = self.submitted.plus(FIRST_GRACE_MS);
        if dispatcher.now < first { first } else { self.submitted.plus(FLEET_GRACE_MS) }
    }
}

impl Dispatcher {
    pub(super) fn submit(&mut self, id: JobId, request: Request) {
        if self.jobs.contains_key(&id) {
            return;
        }
        self.arrivals.observe(self.now, &request);
        self.retries = (self.retries + RETRIES_PER_JOB).min(RETRY_BURST);
        self.hedges = (self.hedges + HEDGES_PER_JOB).min(HEDGE_BURST);
        let job = Job {
            request,
            submitted: self.now,
            state: JobState::Waiting(None),
            decision: None,
            compared: None,
            tried: Exclusions::default(),
            attempts: Vec::new(),
            predicted_ms: None,
            last_failure: None,
            stranded: None,
            rival: None,
            wish: None,
            least_s: None,
        };
        let absurd = job.request.prompt_tokens > MOST_TOKENS || job.request.max_tokens == Some(0);
        if job.request.named_models().next().is_some() {
            for host in &mut self.fleet.hosts {
                host.inquiries.want(|name| job.request.may_be(name));
            }
        }
        self.jobs.insert(id, Box::new(job));
        if absurd {
            let message = format!("prompt tokens must be at most {MOST_TOKENS}, max_tokens at least 1");
            let hint = "check the numbers of the request";
            self.reject(id, DispatchError::new(DispatchErrorCode::InvalidRequest, message, hint));
            return;
        }
        let calling = self.jobs.values().filter(|job| matches!(job.state, JobState::Calling(_))).count();
        // This one is not counted.
        let waiting = self.jobs.len().saturating_sub(calling).saturating_sub(1);
        if waiting >= self.config.max_queue as usize && waiting > 0 {
            let message = format!("{waiting} jobs wait already, which is the limit");
            let hint = "ask again later, add a host, or raise max_queue";
            let error = DispatchError::new(DispatchErrorCode::Overloaded, message, hint);
            self.reject(id, error.again_after(self.soonest_ms()));
        }
    }

    /// Milliseconds until the first of the calls under way ends, as far as can be told.
    fn soonest_ms(&self) -> u64 {
        let left_s =
            |attempt: &Attempt| attempt.running.load_left_s(self.now) + attempt.running.work_left_s();
        let soonest_s = self.attempts.values().map(left_s).fold(f64::INFINITY, f64::min);
        (soonest_s.between(0.5, 600.0) * 1e3) as u64
    }

    pub(super) fn cancel(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(&id) else { return };
        if let JobState::Calling(attempt) = job.state {
            self.abandon(attempt, "cancelled");
        }
        self.reject(
            id,
            DispatchError::new(DispatchErrorCode::Cancelled, "the caller cancelled", "ask again"),
        );
    }

    /// Whether the first metrics are there, or the wait for them is over.
    pub(super) fn may_look(&self, job: &Job) -> bool {
        !self.metrics_awaited() || self.now.since(job.submitted) >= FIRST_GRACE_MS
    }

    /// Whether what is known is enough to decide by, or the wait for more is over.
    pub(super) fn may_decide(&self, job: &Job, ranked: &Ranked<'_>) -> bool {
        let waited = self.now.since(job.submitted);
        let settling = self.fleet.hosts.iter().any(|host| host.is_settling(|name| job.request.may_be(name)));
        // A host that was down may be back: look again before saying that nothing is left.
        let looking = self.fleet.hosts.iter().any(|host| host.looking.is_some());
        if waited >= FLEET_GRACE_MS || !(settling || looking) {
            return true;
        }
        let loaded = |arm: &Scored<'_>| waited >= FIRST_GRACE_MS && arm.terms.load_s <= 0.0;
        ranked.best().is_some_and(|arm| !settling || loaded(arm))
    }

    /// Waits before the arms that failed in passing are tried again.
    pub(super) fn pause(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(&id) else { return };
        let calls = job.attempts.len() as u64;
        let asked = job.last_failure.as_ref().and_then(|failure| failure.retry_after_ms).unwrap_or(0);
        let busy = job.last_failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::Busy);
        // Any busy host may have a free place at any moment, and rests by itself the longer the more often it had none.
        let (first_ms, before) =
            if busy { (BUSY_BACKOFF_MS, 0) } else { (FIRST_BACKOFF_MS, calls.saturating_sub(1)) };
        let doubled = first_ms.saturating_mul(1 << before.min(8)).min(LONGEST_BACKOFF_MS);
        let wait_ms = (doubled as f64 * (0.75 + 0.5 * self.spread(id.0 ^ calls))) as u64;
        let until = self.now.plus(wait_ms.max(asked));
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.tried.tried.retain(|(_, _, kind)| !kind.class().passing);
        job.state = JobState::Waiting(Some(until));
    }

    /// Pays for a call after a failed one from the retry budget. If the budget is empty, the call waits a moment first. A call that was
    /// turned away costs nothing: it did no work, and its host rests.
    pub(super) fn spend_retry(&mut self, id: JobId) {
        let last = self.jobs.get(&id).and_then(|job| job.last_failure.as_ref());
        if last.is_some_and(|failure| failure.kind == FailureKind::Busy) {
            return;
        }
        if self.retries >= 1.0 {
            self.retries -= 1.0;
            return;
        }
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let tried = job.tried.clone();
        self.pause(id);
        // What failed stays out; only the time is given.
        if let Some(job) = self.jobs.get_mut(&id) {
            job.tried = tried;
        }
    }

    /// 0 to 1, the same on every machine.
    pub(super) fn spread(&self, of: u64) -> f64 {
        Random::new(self.seed ^ of).unit()
    }
}
