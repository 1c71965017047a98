//! Calls: begun on the best arm, followed through their phases, learned from.

use crate::decision::Terms;
use crate::dispatch::Dispatcher;
use crate::dispatch::attempt::{Attempt, Belief, Phase, Says};
use crate::dispatch::context::{Context, Wanted};
use crate::dispatch::job::JobState;
use crate::dispatch::patience::load_late_ms;
use crate::dispatch::wish::Wish;
use crate::effect::{CallOptions, Effect};
use crate::event::Usage;
use crate::fleet::Residency;
use crate::learn::Wordiness;
use crate::names::{AttemptId, JobId, Millis, ModelName};
use crate::policy::{
    DEFAULT_CONTEXT_TOKENS, Had, Measured, Record, Running, answer_context, is_cached, keep_alive_s,
    learn_load, learn_rates, tokens_of_context,
};

/// Milliseconds below which a measured load counts as none: the model was in memory.
const TELLING_LOAD_MS: f64 = 50.0;
/// Milliseconds a client may read nothing before its answer is ended, unless `client_timeout_ms` says otherwise: it holds a slot.
const CLIENT_MS: u32 = 120_000;

/// Whether a keep-alive is longer or shorter than another by more than a fifth.
fn differs(seconds: u32, said_s: u32) -> bool {
    seconds.abs_diff(said_s) > said_s / 5
}

impl Dispatcher {
    /// Whether a load of the host may wait until this model's runner has done its work and leaves: Ollama lets it stay once a call
    /// says for how long. A call without a word yet may have found its model gone.
    fn may_have_to_leave(&self, position: usize, model: &ModelName) -> bool {
        let may_wait = |other: &Attempt| {
            let is_beside = other.host_position == position && other.model != *model;
            is_beside && matches!(other.phase, Phase::BeforeFirstToken { .. })
        };
        let is_load = |(at, other): &(usize, ModelName)| *at == position && other != model;
        self.attempts.values().any(may_wait) || self.loads.keys().any(is_load)
    }

    /// Calls the arm a job is meant for: the first of its decision.
    pub(super) fn call(&mut self, id: JobId, decision: Box<Record>, wish: Wish) -> Option<AttemptId> {
        let terms = decision.arms.first()?.terms;
        let running = self.running(&terms, &wish)?;
        let patience = self.patience(&decision, &terms, &wish, id)?;
        let Wish { position, model, .. } = wish;
        let job = self.jobs.get_mut(&id)?;
        let num_predict = job.request.max_tokens;
        let wanted = Wanted {
            prompt_tokens: job.request.context_prompt_tokens(),
            output_tokens: answer_context(&job.request, f64::from(decision.output_tokens)),
            named: job.request.num_ctx,
            takes_options: job.request.takes_options(),
        };
        let names_keep_alive = job.request.names_keep_alive;
        let may_say = wanted.takes_options && !names_keep_alive;
        job.predicted_ms.get_or_insert(decision.predicted_ms());
        job.state = JobState::Calling(running.attempt);
        job.decision = Some(decision);
        job.wish = None;
        job.stranded = None;
        let context = self.context(position, &model, wanted);
        let loads = |other: &&Attempt| other.host_position == position && other.running.loading;
        let alone = self.attempts.values().find(loads).is_none();
        let may_have_to_leave = !running.loading && self.may_have_to_leave(position, &model);
        let has_slot = !self.is_beyond_slots(position, &model);
        let by = patience.silence(self.now);
        let host = self.fleet.hosts.get(position)?;
        let late_ms = if running.loading { load_late_ms(host, terms.load_s) } else { patience.hedge_ms };
        let hedge_at = (self.fleet.hosts.len() > 1).then(|| self.now.plus(late_ms));
        let attempt = running.attempt;
        self.last_attempt = attempt;
        self.note_use(id, position, &model);
        let held_s = self.held_s(position, &model);
        let host = self.fleet.hosts.get_mut(position)?;
        let (mut known_share, mut cached) = (0.0, false);
        if let Some(model) = host.models.get_mut(&model) {
            model.demand.observe(self.now);
            cached = is_cached(model, self.now);
            if running.loading {
                model.prompts.clear();
            }
            known_share = model.prompts.share(&self.jobs.get(&id)?.request.prefix);
        }
        let weight = self.config.tuning.keep_alive;
        let kept = host.models.get(&model).filter(|_| may_say && !may_have_to_leave);
        let keep_alive_s = kept.and_then(|model| keep_alive_s(host, model, self.now, weight));
        let keep_alive_s = keep_alive_s.map(|seconds| seconds.max(held_s));
        let said_s =
            host.models.get(&model).and_then(|model| model.keep_alive_s).filter(|_| !running.loading);
        // Said again only where it changes something: a runner that Ollama has chosen to leave would stay.
        let is_new = |seconds: &u32| said_s.is_none_or(|said_s| said_s < held_s || differs(*seconds, said_s));
        let keep_alive_s = keep_alive_s.filter(is_new);
        if let Some(model) = host.models.get_mut(&model)
            && (model.residency == Residency::Cold || context.is_said)
        {
            model.context_unsaid = !context.is_said;
        }
        let (host, cold) = (host.config.id.clone(), running.loading);
        let options = CallOptions { num_ctx: context.say, num_predict, keep_alive_s };
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
                context,
                began: self.now,
                work_began: self.now,
                phase: Phase::BeforeFirstToken { by },
                patience,
                hedge_at,
                is_late: false,
                running,
                known_share,
                cold,
                says: Some(Says { keep_alive_s, names_own: names_keep_alive }),
                cached,
                alone,
                belief: if cold { Belief::Checked } else { Belief::Unchecked },
                slept: false,
                has_slot,
                freed: None,
                arrived: self.now,
                was_held: false,
                worked_then: Vec::new(),
            },
        );
        Some(attempt)
    }

    fn running(&self, terms: &Terms, wish: &Wish) -> Option<Running> {
        let host = self.fleet.hosts.get(wish.position)?;
        let model = host.models.get(&wish.model)?;
        let tokens = wish.length.mean();
        let slowdown = if tokens > 0.0 && terms.decode_s > 0.0 {
            terms.decode_s * model.rates.decode / tokens
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
            length: wish.length,
            decode_rate: model.rates.decode / slowdown.max(1.0),
            waits: self.is_beyond_slots(wish.position, &wish.model),
            had: Had::default(),
            first: None,
            written: (0, 0.0),
        })
    }

    /// The context to ask for. What the owner set or what is loaded is never made smaller: a request that fits gets what is
    /// there; one that does not asks for more, one value per arm that only grows; and while nobody knows what the host itself
    /// would give, nothing is said.
    pub(super) fn context(&mut self, host: usize, name: &ModelName, wanted: Wanted) -> Context {
        let Some(host) = self.fleet.hosts.get_mut(host) else { return Context::unknown() };
        let of_host = host.own_context;
        let Some(model) = host.models.get_mut(name) else { return Context::unknown() };
        if let Some(named) = wanted.named {
            return Context { say: None, tokens: named, is_known: true, is_said: true };
        }
        let trained = model.trained_context().unwrap_or(u32::MAX);
        let own = model.own_context().or(of_host).map(|own| own.min(trained));
        let loaded = match model.residency {
            Residency::Resident { context_tokens, .. } => context_tokens,
            Residency::Cold => None,
        };
        if !wanted.takes_options {
            return own.map_or_else(Context::unknown, Context::unsaid);
        }
        let there = loaded.or(model.pinned_context).or(own);
        let Some(there) = there else { return Context::unknown() };
        let needed = f64::from(wanted.prompt_tokens) + wanted.output_tokens;
        let enough = f64::from(there) >= needed;
        if !enough {
            let step = tokens_of_context(wanted.prompt_tokens, wanted.output_tokens).min(trained);
            model.pinned_context = Some(step.max(there).max(own.unwrap_or(0)));
        }
        let tokens = model.pinned_context.filter(|_| !enough).unwrap_or(there);
        // Where nobody knows better, the least that Ollama gives by itself is taken for what it would give again.
        // Ollama loads a model that was trained with less with all of it: to name that number would ask for another context, and
        // load it anew.
        let likely = own.unwrap_or(DEFAULT_CONTEXT_TOKENS).min(trained);
        if likely == tokens { Context::unsaid(tokens) } else { Context::said(tokens) }
    }

    /// The host took the call: its headers came, so the model is loaded.
    pub(super) fn call_accepted(&mut self, id: AttemptId) {
        if let Some(attempt) = self.attempts.get_mut(&id) {
            attempt.belief = Belief::Checked;
        }
        self.note_heard(id);
        match self.attempts.get(&id) {
            Some(attempt) if attempt.detached => self.finish_load(id),
            Some(_) | None => self.call_started(id),
        }
    }

    /// The host has taken in what a call says of how long its model stays; a load begins with the host's own time.
    fn note_heard(&mut self, id: AttemptId) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        let (Some(says), cold) = (attempt.says.take(), attempt.cold) else { return };
        let Some(host) = self.fleet.hosts.get_mut(attempt.host_position) else { return };
        let Some(model) = host.models.get_mut(&attempt.model) else { return };
        let said_s = model.keep_alive_s.filter(|_| !cold);
        model.keep_alive_s = says.keep_alive_s.or(said_s).filter(|_| !says.names_own);
        model.keep_alive_unsaid = None;
    }

    /// Its model is loaded.
    fn call_started(&mut self, id: AttemptId) {
        let now = self.now;
        let Some(attempt) = self.attempts.get_mut(&id).filter(|attempt| attempt.running.loading) else {
            return;
        };
        attempt.running.loading = false;
        attempt.work_began = now;
        if let Phase::BeforeFirstToken { by } = &mut attempt.phase {
            *by = now.plus(attempt.patience.first_ms).min(*by);
        }
        let others = self.fleet.hosts.len() > 1 && !attempt.detached;
        attempt.hedge_at = others.then(|| now.plus(attempt.patience.hedge_ms));
        attempt.arrived = now;
        let Some(host) = self.fleet.hosts.get_mut(attempt.host_position) else { return };
        // Which models are in memory now, and which were pushed out, tells how much memory there is.
        host.suspect |= host.load_tells_memory(now, self.config.stale_after_ms(), &attempt.model);
        if let Some(model) = host.models.get_mut(&attempt.model) {
            model.hold(now, attempt.context.known());
        }
    }

    pub(super) fn first_token(&mut self, id: AttemptId) {
        self.call_accepted(id);
        let Some(job) = self.attempts.get(&id).map(|attempt| attempt.job) else { return };
        self.settle_rivalry(job, id);
        let now = self.now;
        let worked_then = self.fleet.hosts.iter().map(|host| host.worked_s).collect();
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        attempt.worked_then = worked_then;
        let next_by = now.plus(attempt.patience.stall_ms);
        attempt.phase = Phase::Answering { first_token: now, next_by, piece: now, held: false };
        let had = attempt.running.had;
        attempt.running.waits = false;
        attempt.running.first = Some(had);
        attempt.running.written = (1, had.alone_s);
        let (sent, prefill_s, freed) = (attempt.arrived, attempt.running.prefill_s, attempt.freed);
        let Some(host) = self.fleet.hosts.get_mut(attempt.host_position) else { return };
        host.moved = now;
        if let Some(freed) = freed {
            host.found_slots.first_piece(now, sent, prefill_s, freed);
        }
    }

    /// A call whose job has moved on has loaded its model: that teaches, and nobody wants the answer.
    fn finish_load(&mut self, id: AttemptId) {
        self.call_started(id);
        if let Some(attempt) = self.attempts.get(&id)
            && let Some(host) = self.fleet.hosts.get_mut(attempt.host_position)
        {
            let load_s = attempt.elapsed_ms(self.now) as f64 / 1e3 - attempt.running.prefill_s;
            if attempt.alone && load_s > TELLING_LOAD_MS / 1e3 {
                learn_load(self.now, host, &attempt.model, load_s, attempt.cached);
            }
        }
        self.close(id);
    }

    /// A look that began at `since` shows these calls' model in memory, with the context they asked for.
    pub(super) fn see_loaded(&mut self, position: usize, since: Millis) {
        let Some(host) = self.fleet.hosts.get(position) else { return };
        let is_there = |attempt: &Attempt| {
            host.models.get(&attempt.model).is_some_and(|model| match model.residency {
                Residency::Resident { context_tokens: Some(tokens), .. } => tokens >= attempt.context.tokens,
                Residency::Resident { .. } | Residency::Cold => false,
            })
        };
        let loaded = self.attempts.iter().filter(|(_, attempt)| {
            let asked_before = attempt.host_position == position && attempt.began < since;
            attempt.running.loading && asked_before && is_there(attempt)
        });
        let loaded: Vec<(AttemptId, bool)> = loaded.map(|(id, attempt)| (*id, attempt.detached)).collect();
        for (id, detached) in loaded {
            if detached { self.finish_load(id) } else { self.call_started(id) }
        }
    }

    /// The client has stopped reading: its call ends after `client_timeout_ms`, not when the host counts as silent.
    pub(super) fn held(&mut self, id: AttemptId) {
        let client_ms = u64::from(self.config.client_timeout_ms.unwrap_or(CLIENT_MS));
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        if let Phase::Answering { next_by, held, .. } = &mut attempt.phase {
            (*next_by, *held) = (self.now.plus(client_ms), true);
            attempt.was_held = true;
        }
    }

    pub(super) fn progress(&mut self, id: AttemptId, tokens: u32) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        if matches!(attempt.phase, Phase::BeforeFirstToken { .. }) && tokens > 0 {
            self.first_token(id);
        }
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        if let Phase::Answering { next_by: by, piece, held, .. } = &mut attempt.phase {
            (*by, *piece, *held) = (self.now.plus(attempt.patience.stall_ms), self.now, false);
            attempt.running.written = (tokens, attempt.running.had.alone_s);
            if let Some(host) = self.fleet.hosts.get_mut(attempt.host_position) {
                host.moved = self.now;
            }
        }
        self.note_overlap(id);
    }

    pub(super) fn call_succeeded(&mut self, id: AttemptId, usage: Usage) {
        self.note_overlap(id);
        self.note_heard(id);
        let Some(attempt) = self.attempts.remove(&id) else { return };
        self.free_slot(&attempt);
        self.learn(&attempt, &usage);
        self.remember_prompt(&attempt);
        self.fleet.share_experience();
        if attempt.detached {
            return;
        }
        if let Some(job) = self.jobs.get(&attempt.job) {
            self.lengths.observe(self.now, &job.request, &attempt.model, usage.output_tokens);
            let wordiness = Wordiness::new(self.lengths.factor(&attempt.model));
            for host in &mut self.fleet.hosts {
                if let Some(model) = host.models.get_mut(&attempt.model) {
                    model.wordiness = wordiness;
                }
            }
        }
        self.settle_rivalry(attempt.job, id);
        self.report(&attempt, "ok", String::new());
        self.resolve(attempt.job, id, &attempt, usage);
    }

    /// Its runner keeps the prompt, in the place of another.
    fn remember_prompt(&mut self, attempt: &Attempt) {
        let Some(job) = self.jobs.get(&attempt.job) else { return };
        let Some(host) = self.fleet.hosts.get_mut(attempt.host_position) else { return };
        let slots = host.known_slots();
        if let Some(model) = host.models.get_mut(&attempt.model) {
            model.prompts.remember(&job.request.prefix, slots);
        }
    }

    fn learn(&mut self, attempt: &Attempt, usage: &Usage) {
        let (now, position) = (self.now, attempt.host_position);
        let writing_s = attempt.writing_ms(now).map_or(0.0, |ms| ms as f64 / 1e3);
        let beside = self.fleet.beside(position, &attempt.worked_then, writing_s);
        let Some(host) = self.fleet.hosts.get_mut(position) else { return };
        let prefill = host.models.get(&attempt.model).map_or(1.0, |model| model.rates.prefill);
        let usage = &attempt.timed(usage, prefill, now);
        host.breaker.succeed(now);
        host.moved = now;
        if attempt.cold && attempt.alone && usage.load_ms > TELLING_LOAD_MS {
            learn_load(now, host, &attempt.model, usage.load_ms / 1e3, attempt.cached);
        }
        let shares = attempt.shares(now);
        let measured = Measured { usage, shares, known_share: attempt.known_share, beside: &beside };
        learn_rates(now, host, &attempt.model, measured, self.config.tuning.change);
        let Some(model) = host.models.get_mut(&attempt.model) else { return };
        model.reliability.observe(now, true);
        model.failing = model.reliability.failure_probability(now);
        model.blocked = None;
        model.breaker.succeed(now);
        model.hold(now, attempt.context.known());
        let named = self.jobs.get(&attempt.job).is_none_or(|job| job.request.names_keep_alive);
        model.keep_alive_unsaid = Some(now).filter(|_| !named && model.keep_alive_s.is_none());
        self.fleet.settle_machines(position);
    }
}
