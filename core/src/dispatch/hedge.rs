//! A second call of a job, on another host, when the first is late: whichever speaks first is kept.

use crate::dispatch::Dispatcher;
use crate::dispatch::attempt::{Attempt, Phase};
use crate::dispatch::job::JobState;
use crate::dispatch::wish::Wish;
use crate::failure::FailureKind;
use crate::names::{AttemptId, JobId};
use crate::policy::KEPT;

/// The least milliseconds until a late call for which no arm was free looks for one again.
const AGAIN_LEAST_MS: u64 = 250;
/// A late call looks again after this part of what it has waited (one eighth), where that is more than [`AGAIN_LEAST_MS`].
const AGAIN_SHARE: u64 = 8;
/// Late calls that may take a free arm in each round, the longest wait first, before jobs from the queue are placed.
const BEFORE_JOBS: usize = 4;

impl Dispatcher {
    /// Calls a loaded model on another host beside a late call, where the answer is expected sooner from there. Where no such arm is
    /// free, the call looks again later.
    pub(super) fn hedge(&mut self, id: AttemptId) {
        let now = self.now;
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        attempt.hedge_at = None;
        let Some(job) = self.jobs.get(&attempt.job) else { return };
        if job.rival.is_some() || attempt.running.loading {
            return;
        }
        attempt.is_late = true;
        attempt.hedge_at = Some(now.plus((attempt.elapsed_ms(now) / AGAIN_SHARE).max(AGAIN_LEAST_MS)));
        if self.hedges < 1.0 {
            return;
        }
        let mut tried = job.tried.clone();
        tried.tried.push((attempt.host.clone(), None, FailureKind::FirstTokenTimeout));
        // A call this late may take as long again until its first piece, and then it still has to write.
        let running = &attempt.running;
        let writing_s = running.length.mean() / running.decode_rate;
        let (job_id, late_s) = (attempt.job, attempt.elapsed_ms(self.now) as f64 / 1e3 + writing_s);
        // It has waited longer than the jobs in the queue.
        let backlogs = self.backlogs();
        let view = self.view(&backlogs);
        let ranked = view.rank(&job.request, &tried, self.now.since(job.submitted));
        let sooner = ranked.best().filter(|arm| arm.startable && arm.resident && arm.expected_s < late_s);
        let Some(wish) = sooner.map(|arm| Wish::of(&ranked, arm)) else { return };
        let decision = Box::new(ranked.record(view, &job.request, KEPT));
        self.hedges -= 1.0;
        let first = job.decision.clone();
        let Some(rival) = self.call(job_id, decision, wish) else { return };
        if let Some(attempt) = self.attempts.get_mut(&id) {
            (attempt.hedge_at, attempt.is_late) = (None, false);
        }
        if let Some(job) = self.jobs.get_mut(&job_id) {
            job.state = JobState::Calling(id);
            let second = std::mem::replace(&mut job.decision, first);
            job.rival = Some((rival, second));
        }
    }

    /// Gives late calls that found no other arm free one that is free now, before a job from the queue takes it.
    pub(super) fn hedge_late_calls(&mut self) {
        if self.hedges < 1.0 {
            return;
        }
        let is_late =
            |attempt: &Attempt| attempt.is_late && matches!(attempt.phase, Phase::BeforeFirstToken { .. });
        let late = self.attempts.iter().filter(|(_, attempt)| is_late(attempt)).map(|(id, _)| *id);
        for id in late.take(BEFORE_JOBS).collect::<Vec<_>>() {
            self.hedge(id);
        }
    }

    /// A piece came from one of a job's two calls: the other call is closed.
    pub(super) fn settle_rivalry(&mut self, id: JobId, winner: AttemptId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let Some((rival, decision)) = job.rival.take() else { return };
        let mut loser = rival;
        if rival == winner {
            if let JobState::Calling(first) = job.state {
                loser = first;
            }
            job.state = JobState::Calling(winner);
            job.decision = decision;
        }
        self.abandon(loser, "overtaken");
    }

    /// One of a job's two calls failed: whether the other one is still there.
    pub(super) fn falls_back_on_rival(&mut self, id: JobId, failed: AttemptId) -> bool {
        let Some(job) = self.jobs.get_mut(&id) else { return false };
        let Some((rival, decision)) = job.rival.take() else { return false };
        if rival != failed {
            job.state = JobState::Calling(rival);
            job.decision = decision;
        }
        true
    }
}
