//! A second call of a job, on another host, when the first is late or waits for its load: whichever speaks first is kept.

use crate::dispatch::Dispatcher;
use crate::dispatch::attempt::{Attempt, Phase};
use crate::dispatch::job::JobState;
use crate::dispatch::patience::load_rest_s;
use crate::dispatch::wish::Wish;
use crate::failure::FailureKind;
use crate::names::{AttemptId, JobId};
use crate::policy::{KEPT, Record, Scored};

/// The least milliseconds until a late call for which no arm was free looks for one again.
const AGAIN_LEAST_MS: u64 = 250;
/// A late call looks again after this part of what it has waited (one eighth), where that is more than [`AGAIN_LEAST_MS`].
const AGAIN_SHARE: u64 = 8;
/// Late calls that may take a free arm in each round, the longest wait first, before jobs from the queue are placed.
const BEFORE_JOBS: usize = 4;
/// A call that waits for its load gets a second one where that saves as many seconds as it takes, and at least these.
const SAVED_LEAST_S: f64 = 1.0;

impl Dispatcher {
    /// Makes a second call on another host beside a late call, or beside one that waits for its load, where the answer is expected
    /// sooner from there. Where no such arm is free, the call looks again later.
    pub(super) fn hedge(&mut self, id: AttemptId) {
        let now = self.now;
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        let (loading, due) = (attempt.running.loading, attempt.hedge_at.is_none_or(|at| at <= now));
        attempt.is_late |= !loading;
        if due || !loading {
            let again_ms = (attempt.elapsed_ms(now) / AGAIN_SHARE).max(AGAIN_LEAST_MS);
            attempt.hedge_at = Some(now.plus(again_ms));
        }
        if self.jobs.get(&attempt.job).is_none_or(|job| job.rival.is_some()) {
            attempt.hedge_at = None;
            return;
        }
        if self.hedges < 1.0 {
            return;
        }
        let Some(attempt) = self.attempts.get(&id) else { return };
        let second = if loading { self.beside_load(attempt) } else { self.beside_late(attempt) };
        let job_id = attempt.job;
        let Some((decision, wish)) = second else { return };
        self.hedges -= 1.0;
        let first = self.jobs.get(&job_id).and_then(|job| job.decision.clone());
        if wish.load_s > 0.0 {
            self.evict_for(wish.position, &wish.model, &self.backlogs());
        }
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

    /// A loaded model elsewhere that answers before a late call is likely to.
    fn beside_late(&self, attempt: &Attempt) -> Option<(Box<Record>, Wish)> {
        let job = self.jobs.get(&attempt.job)?;
        let mut tried = job.tried.clone();
        tried.tried.push((attempt.host.clone(), None, FailureKind::FirstTokenTimeout));
        // A call this late may take as long again until its first piece, and then it still has to write.
        let running = &attempt.running;
        let writing_s = running.length.mean() / running.decode_rate;
        let late_s = attempt.elapsed_ms(self.now) as f64 / 1e3 + writing_s;
        // It has waited longer than the jobs in the queue.
        let backlogs = self.backlogs();
        let view = self.view(&backlogs);
        let ranked = view.rank(&job.request, &tried, self.now.since(job.submitted));
        let arm = ranked.best().filter(|arm| arm.startable && arm.resident && arm.expected_s < late_s)?;
        Some((Box::new(ranked.record(view, &job.request, KEPT)), Wish::of(&ranked, arm)))
    }

    /// An arm elsewhere that by what is known now, which may be more than when the call began, answers so much sooner than a call
    /// that waits for its load that it is worth a second one. It must be free, also of jobs that wait for it.
    fn beside_load(&self, attempt: &Attempt) -> Option<(Box<Record>, Wish)> {
        let job = self.jobs.get(&attempt.job)?;
        let backlogs = self.backlogs_with_queue();
        let view = self.view(&backlogs);
        let mut ranked = view.rank(&job.request, &job.tried, self.now.since(job.submitted));
        let is_own =
            |arm: &&Scored<'_>| arm.position == attempt.host_position && arm.model.name == attempt.model;
        let terms = ranked.arms.iter().find(is_own)?.terms;
        let host = self.fleet.hosts.get(attempt.host_position)?;
        let elapsed_s = attempt.elapsed_ms(self.now) as f64 / 1e3;
        let load_s = load_rest_s(host, attempt.running.load_s, elapsed_s);
        let left_s = load_s + terms.prefill_s + terms.decode_s;
        ranked.leave(attempt.host_position);
        let arm = ranked.best().filter(|arm| arm.startable)?;
        // Either of them may fail.
        let second_s = arm.score_s - arm.terms.risk_s;
        let saved_s = left_s + terms.quality_s - second_s;
        if saved_s < arm.expected_s.max(SAVED_LEAST_S) {
            return None;
        }
        Some((Box::new(ranked.record(view, &job.request, KEPT)), Wish::of(&ranked, arm)))
    }

    /// Gives calls that are late, then those that wait for their load, an arm that is free now, before a job from the queue takes
    /// it. `loads_too`: whether something may have changed for the latter.
    pub(super) fn hedge_late_calls(&mut self, loads_too: bool) {
        if self.hedges < 1.0 || self.fleet.hosts.len() < 2 {
            return;
        }
        let may_have_second = |attempt: &Attempt| {
            !attempt.detached
                && matches!(attempt.phase, Phase::BeforeFirstToken { .. })
                && self
                    .jobs
                    .get(&attempt.job)
                    .is_some_and(|job| job.rival.is_none() && job.request.host.is_none())
        };
        let waits = |attempt: &Attempt| attempt.is_late || (loads_too && attempt.running.loading);
        let waiting = self.attempts.iter().filter(|(_, attempt)| waits(attempt) && may_have_second(attempt));
        let mut waiting: Vec<_> = waiting.map(|(id, attempt)| (!attempt.is_late, *id)).collect();
        waiting.sort_unstable();
        for (_, id) in waiting.into_iter().take(BEFORE_JOBS) {
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
