//! How a job ends: with an answer, or with a reason.

use crate::dispatch::Dispatcher;
use crate::dispatch::attempt::{Attempt, Phase};
use crate::effect::{Effect, Outcome, Phases};
use crate::event::Usage;
use crate::failure::DispatchError;
use crate::names::{AttemptId, JobId};

impl Dispatcher {
    pub(super) fn resolve(&mut self, job: JobId, id: AttemptId, attempt: &Attempt, usage: Usage) {
        if let Some(outcome) = self.end(job, Some((id, attempt)), usage) {
            self.effects.push_back(Effect::Resolve { job, outcome });
        }
    }

    pub(super) fn reject(&mut self, job: JobId, error: DispatchError) {
        self.reject_with(job, error, None);
    }

    /// Ends the job with what one attempt had brought so far, if any.
    pub(super) fn reject_with(
        &mut self,
        job: JobId,
        error: DispatchError,
        partial: Option<(AttemptId, &Attempt)>,
    ) {
        if let Some(outcome) = self.end(job, partial, Usage::default()) {
            self.effects.push_back(Effect::Reject { job, error, outcome });
        }
    }

    fn end(&mut self, id: JobId, answer: Option<(AttemptId, &Attempt)>, usage: Usage) -> Option<Outcome> {
        let rival = self.jobs.get_mut(&id)?.rival.take();
        if let Some((rival, _)) = rival {
            self.abandon(rival, "overtaken");
        }
        let job = self.jobs.remove(&id)?;
        let since_submit = |at: crate::Millis| at.since(job.submitted) as f64;
        let total = since_submit(self.now);
        let ms = answer.map_or(Phases { total, ..Phases::default() }, |(_, attempt)| Phases {
            queue: since_submit(attempt.began),
            load: usage.load_ms,
            first_token: match attempt.phase {
                Phase::Answering { first_token, .. } => since_submit(first_token),
                Phase::BeforeFirstToken { .. } => total,
            },
            total,
        });
        if let Some(mut decision) = job.decision {
            decision.comparison = job.compared.map(|compared| compared.comparison);
            self.ended.insert(id, decision);
        }
        Some(Outcome {
            attempt: answer.map(|(id, _)| id),
            host: answer.map(|(_, attempt)| attempt.host.clone()),
            model: answer.map(|(_, attempt)| attempt.model.clone()),
            attempts: job.attempts,
            usage,
            ms,
            predicted_ms: job.predicted_ms.unwrap_or(0.0),
        })
    }
}
