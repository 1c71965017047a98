//! Calls: begun on the best arm, followed through their phases, given up in time, learned from.

use crate::decision::{Decision, Terms};
use crate::dispatch::Dispatcher;
use crate::dispatch::attempt::{Attempt, Phase};
use crate::dispatch::job::JobState;
use crate::dispatch::queue::Wish;
use crate::effect::{AttemptReport, CallOptions, Effect};
use crate::event::Usage;
use crate::failure::{Avoid, Blame, DispatchError, DispatchErrorCode, Failure, FailureKind};
use crate::fleet::{Contact, Host, Residency};
use crate::names::{AttemptId, JobId, Millis, ModelName};
use crate::number::Between as _;
use crate::policy::{Running, learn_load, learn_rates, tokens_of_context};

/// The first piece may take this many times longer than expected …
const FIRST_TOKEN_PATIENCE: f64 = 3.0;
/// … and at least this long.
const FIRST_TOKEN_LEAST_MS: u64 = 30_000;
/// A host that answers looks but sends no first piece is busy, not lost, up to here: others may be queueing in it.
const SILENCE_MOST_MS: u64 = 600_000;
/// A host whose last look is older than this shows no sign of life.
const SIGN_OF_LIFE_MS: u64 = 15_000;
/// An arm that ran out of memory, or whose model is gone, is left alone this long.
const BLOCKED_MS: u64 = 600_000;
/// Failures in a row after which an arm is left alone: fewer may be chance.
const ARM_FAILURES: u32 = 3;
/// A load shorter than this was none.
const TELLING_LOAD_MS: f64 = 50.0;

impl Dispatcher {
    /// Calls the arm a job wants, the first of its decision's candidates.
    pub(super) fn call(&mut self, id: JobId, decision: Decision, wish: Wish) -> Option<AttemptId> {
        let terms = decision.candidates.first()?.terms;
        let expected_s = terms.expected_s();
        let running = self.running(&decision, &terms, &wish, id)?;
        let Wish { position, model, .. } = wish;
        let job = self.jobs.get_mut(&id)?;
        let num_predict = job.request.max_tokens;
        let (prompt_tokens, output_tokens) =
            (job.request.prompt_tokens, num_predict.unwrap_or(decision.output_tokens));
        job.predicted_ms.get_or_insert(decision.predicted_ms);
        job.state = JobState::Calling(running.attempt);
        job.decision = Some(decision);
        job.wish = None;
        job.stranded = None;
        let (num_ctx, context_tokens) = self.pin_context(position, &model, prompt_tokens, output_tokens);
        let busy = |other: &&Attempt| other.host_position == position && other.running.loading;
        let alone = self.attempts.values().find(busy).is_none();
        let patience_ms = FIRST_TOKEN_PATIENCE * 1e3 * (expected_s - terms.decode_s);
        let by = self.now.plus((patience_ms.between(0.0, 1e9) as u64).max(FIRST_TOKEN_LEAST_MS));
        let attempt = running.attempt;
        self.last_attempt = attempt;
        let host = self.fleet.hosts.get_mut(position)?;
        if let Some(model) = host.models.get_mut(&model) {
            model.demand.observe(self.now);
        }
        let (host, cold) = (host.config.id.clone(), running.loading);
        let options = CallOptions { num_ctx, num_predict };
        self.effects.push_back(Effect::Call {
            job: id,
            attempt,
            host: host.clone(),
            model: model.clone(),
            options,
        });
        self.attempts.insert(
            attempt,
            Attempt {
                job: id,
                detached: false,
                host,
                host_position: position,
                model,
                context_tokens,
                began: self.now,
                work_began: self.now,
                phase: Phase::BeforeFirstToken { by },
                running,
                cold,
                alone,
            },
        );
        Some(attempt)
    }

    fn running(&self, decision: &Decision, terms: &Terms, wish: &Wish, id: JobId) -> Option<Running> {
        let job = self.jobs.get(&id)?;
        let host = self.fleet.hosts.get(wish.position)?;
        let model = host.models.get(&wish.model)?;
        let mut length = self.lengths.belief(&job.request);
        length.mean_ln += libm::log(model.length_factor);
        let slowdown = if decision.output_tokens > 0 && terms.decode_s > 0.0 {
            terms.decode_s * model.rates.decode / (f64::from(decision.output_tokens) * model.length_factor)
        } else {
            1.0
        };
        Some(Running {
            attempt: AttemptId(self.last_attempt.0 + 1),
            model: wish.model.clone(),
            began: self.now,
            loading: terms.load_s > 0.0,
            load_s: terms.load_s,
            prefill_s: terms.prefill_s,
            length,
            decode_rate: model.rates.decode / slowdown.max(1.0),
            shared_began: host.shared_s,
            shared_first: None,
            written: (0, 0.0),
        })
    }

    /// The context to ask for: nothing while the host's own is enough, then one value per arm that only grows.
    fn pin_context(&mut self, host: usize, name: &ModelName, prompt: u32, output: u32) -> (Option<u32>, u32) {
        let model = self.fleet.hosts.get_mut(host).and_then(|host| host.models.get_mut(name));
        let Some(model) = model else { return (None, 0) };
        let needed = prompt.saturating_add(output);
        let step = tokens_of_context(prompt, f64::from(output));
        let step = model.trained_context().map_or(step, |trained| step.min(trained));
        let loaded = match model.residency {
            Residency::Resident { context_tokens, .. } => context_tokens,
            Residency::Cold => None,
        };
        if model.pinned_context.is_none() {
            let default = tokens_of_context(0, 0.0);
            let enough = loaded.map_or(needed <= default, |loaded| loaded >= needed);
            if enough {
                return (None, loaded.unwrap_or(default));
            }
        }
        let pinned = model.pinned_context.unwrap_or(0).max(step);
        model.pinned_context = Some(pinned);
        (Some(pinned), pinned)
    }

    /// The host took the call: its headers came, so the model is loaded.
    pub(super) fn call_started(&mut self, id: AttemptId) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        if !attempt.running.loading {
            return;
        }
        attempt.running.loading = false;
        attempt.work_began = self.now;
        let shared_s = self.fleet.hosts.get(attempt.host_position).map_or(0.0, |host| host.shared_s);
        attempt.running.shared_began = shared_s;
    }

    pub(super) fn first_token(&mut self, id: AttemptId) {
        self.call_started(id);
        let next_by = self.now.plus(u64::from(self.config.stall_timeout_ms));
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        if attempt.detached {
            self.attempts.remove(&id);
            self.effects.push_back(Effect::Abort { attempt: id });
            return;
        }
        attempt.phase = Phase::Answering { first_token: self.now, next_by, piece: self.now };
        let shared_s =
            self.fleet.hosts.get_mut(attempt.host_position).map_or(0.0, |host| host.move_on(self.now));
        attempt.running.shared_first = Some(shared_s);
        attempt.running.written = (1, shared_s);
    }

    pub(super) fn progress(&mut self, id: AttemptId, tokens: u32) {
        let next_by = self.now.plus(u64::from(self.config.stall_timeout_ms));
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        if matches!(attempt.phase, Phase::BeforeFirstToken { .. }) && tokens > 0 {
            self.first_token(id);
        }
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        if let Phase::Answering { next_by: by, piece, .. } = &mut attempt.phase {
            (*by, *piece) = (next_by, self.now);
            let shared_s =
                self.fleet.hosts.get_mut(attempt.host_position).map_or(0.0, |host| host.move_on(self.now));
            attempt.running.written = (tokens, shared_s);
        }
    }

    pub(super) fn call_succeeded(&mut self, id: AttemptId, usage: Usage) {
        let Some(attempt) = self.attempts.remove(&id) else { return };
        self.learn(&attempt, &usage);
        self.fleet.share_experience();
        if attempt.detached {
            return;
        }
        if let Some(job) = self.jobs.get(&attempt.job) {
            let mut request = job.request.clone();
            request.max_tokens = None;
            self.lengths.observe(self.now, &request, &attempt.model, usage.output_tokens);
            let factor = self.lengths.factor(&attempt.model);
            for host in &mut self.fleet.hosts {
                if let Some(model) = host.models.get_mut(&attempt.model) {
                    model.length_factor = factor;
                }
            }
        }
        self.report(&attempt, "ok", String::new());
        self.resolve(attempt.job, id, &attempt, usage);
    }

    fn learn(&mut self, attempt: &Attempt, usage: &Usage) {
        let now = self.now;
        let Some(host) = self.fleet.hosts.get_mut(attempt.host_position) else { return };
        host.breaker.succeed(now);
        host.moved = now;
        if attempt.cold && attempt.alone && usage.load_ms > TELLING_LOAD_MS {
            learn_load(now, host, &attempt.model, usage.load_ms / 1e3);
        }
        let shares = attempt.shares(host.shared_s, now);
        learn_rates(now, host, &attempt.model, usage, shares, self.config.tuning.change);
        let Some(model) = host.models.get_mut(&attempt.model) else { return };
        model.reliability.observe(now, true);
        model.failing = model.reliability.failure_probability(now);
        model.blocked = None;
        model.breaker.succeed(now);
        model.last_resident = Some(now);
        if model.residency == Residency::Cold {
            let context_tokens = Some(attempt.context_tokens);
            let bytes = model.tag.size_bytes;
            model.residency = Residency::Resident { context_tokens, bytes, on_gpu: false };
        }
    }

    pub(super) fn call_failed(&mut self, id: AttemptId, failure: Failure) {
        let Some(attempt) = self.attempts.remove(&id) else { return };
        self.blame(&attempt, &failure);
        if attempt.detached {
            return;
        }
        self.report(&attempt, failure.kind.as_str(), failure.detail.clone());
        self.move_on(&attempt, id, failure);
    }

    /// What a failure teaches about its host and model.
    fn blame(&mut self, attempt: &Attempt, failure: &Failure) {
        let now = self.now;
        let spread = self.spread(attempt.began.0);
        let Some(host) = self.fleet.hosts.get_mut(attempt.host_position) else { return };
        let blame = failure.kind.class().blame;
        let alone = host.moved <= attempt.last_sign();
        match blame {
            Blame::Host => {
                host.breaker.trip(now, failure.clone(), 1);
                // A look tells at once whether it was the connection only.
                host.suspect = true;
            }
            Blame::Load => host.breaker.rest(now, failure.clone(), spread),
            Blame::Silence if alone => host.breaker.trip(now, failure.clone(), 1),
            Blame::Silence | Blame::Arm | Blame::Model | Blame::Nobody => {}
        }
        let Some(model) = host.models.get_mut(&attempt.model) else { return };
        match blame {
            Blame::Silence => model.breaker.trip(now, failure.clone(), 1),
            Blame::Arm => model.breaker.trip(now, failure.clone(), ARM_FAILURES),
            Blame::Model => {
                let least = if failure.kind == FailureKind::OutOfMemory { attempt.context_tokens } else { 0 };
                model.blocked = Some((now.plus(BLOCKED_MS), least, failure.kind));
            }
            Blame::Host => {}
            Blame::Load | Blame::Nobody => return,
        }
        model.reliability.observe(now, false);
        model.failing = model.reliability.failure_probability(now);
    }

    /// The job looks for another arm, unless nothing would help.
    fn move_on(&mut self, attempt: &Attempt, id: AttemptId, failure: Failure) {
        let Some(job) = self.jobs.get_mut(&attempt.job) else { return };
        if job.request.streaming && matches!(attempt.phase, Phase::Answering { .. }) {
            let message = format!("the answer broke off: {}", failure.kind.as_str());
            let error =
                DispatchError::new(DispatchErrorCode::CutOff, message, "ask again; what came so far is kept");
            self.reject_with(attempt.job, error, Some((id, attempt)));
            return;
        }
        let (host, model) = (attempt.host.clone(), attempt.model.clone());
        match failure.kind.class().avoid {
            Avoid::Host => job.tried.tried.push((host, None, failure.kind)),
            Avoid::Arm | Avoid::Larger => job.tried.tried.push((host, Some(model), failure.kind)),
            // The prompt is longer than estimated: ask for more context than this call had.
            Avoid::SmallerContext => {
                let had = attempt.context_tokens.max(job.request.prompt_tokens);
                job.request.prompt_tokens = had.saturating_add(1);
            }
            Avoid::Everything => {
                let message = format!("{} refused the request: {}", attempt.host, failure.detail);
                let hint = "change the request; every host would refuse it";
                let error = DispatchError::new(DispatchErrorCode::RequestRefused, message, hint);
                self.reject(attempt.job, error);
                return;
            }
        }
        job.last_failure = Some(failure);
        job.state = JobState::Waiting(None);
        self.spend_retry(attempt.job);
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
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        let attempt = if attempt.running.loading {
            attempt.detached = true;
            attempt.clone()
        } else {
            let attempt = attempt.clone();
            self.attempts.remove(&id);
            self.effects.push_back(Effect::Abort { attempt: id });
            attempt
        };
        self.report(&attempt, outcome, String::new());
    }

    /// Deadlines, first pieces that do not come, answers that stand still.
    pub(super) fn check_timeouts(&mut self) {
        let now = self.now;
        let passed = |deadline: Option<Millis>| deadline.is_some_and(|deadline| deadline <= now);
        let late: Vec<JobId> =
            self.jobs.iter().filter(|(_, job)| passed(job.deadline())).map(|(id, _)| *id).collect();
        for id in late {
            self.exceed_deadline(id);
        }
        let silent: Vec<AttemptId> = self
            .attempts
            .iter()
            .filter(|(_, attempt)| passed(attempt.wake_at()))
            .map(|(id, _)| *id)
            .collect();
        for id in silent {
            self.give_up(id);
        }
    }

    fn exceed_deadline(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(&id) else { return };
        let deadline_ms = job.request.deadline_ms.unwrap_or(0);
        if let JobState::Calling(attempt) = job.state {
            self.abandon(attempt, "deadline_exceeded");
        }
        let message = format!("no answer within the deadline of {deadline_ms} ms");
        let hint = "allow more time, use mode fast, or a smaller model";
        self.reject(id, DispatchError::new(DispatchErrorCode::DeadlineExceeded, message, hint));
    }

    fn give_up(&mut self, id: AttemptId) {
        let Some(attempt) = self.attempts.get(&id).cloned() else { return };
        if self.is_worth_waiting_for(&attempt) {
            let by = self.now.plus(FIRST_TOKEN_LEAST_MS);
            if let Some(attempt) = self.attempts.get_mut(&id) {
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
        self.blame(&attempt, &failure);
        self.abandon(id, kind.as_str());
        self.move_on(&attempt, id, failure);
    }

    /// A silent call whose host is alive is kept while its job has no other arm: giving up would only fail the job.
    fn is_worth_waiting_for(&self, attempt: &Attempt) -> bool {
        let silent = matches!(attempt.phase, Phase::BeforeFirstToken { .. });
        if !silent || attempt.elapsed_ms(self.now) >= SILENCE_MOST_MS {
            return false;
        }
        let Some(job) = self.jobs.get(&attempt.job) else { return false };
        let alive = |host: &Host| {
            matches!(host.contact, Contact::Up) && self.now.since(host.looked) < SIGN_OF_LIFE_MS
        };
        if !self.fleet.hosts.get(attempt.host_position).is_some_and(alive) {
            return false;
        }
        let last = job.attempts.len() as u32 + 1 >= self.config.max_attempts;
        let arm = (attempt.host.clone(), Some(attempt.model.clone()), FailureKind::FirstTokenTimeout);
        let mut tried = job.tried.clone();
        tried.tried.push(arm);
        let waited_ms = self.now.since(job.submitted);
        last || self.view(&self.backlogs()).rank(&job.request, &tried, waited_ms).arms.is_empty()
    }
}
