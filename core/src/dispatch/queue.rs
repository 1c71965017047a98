//! The queue of our own: a job waits here, not in a busy runner's queue, so that each event may send it elsewhere.

use crate::dispatch::Dispatcher;
use crate::dispatch::attempt::Phase;
use crate::dispatch::job::{Job, JobState};
use crate::dispatch::powering::Rousing;
use crate::dispatch::wish::Wish;
use crate::failure::{DispatchError, DispatchErrorCode};
use crate::fleet::Residency;
use crate::names::{JobId, Millis, ModelName};
use crate::policy::{Backlog, Eviction, InMemory, KEPT, Ranked, Record, Scored, View, refusal};

/// The least work, in seconds, that counts for a job's place in the queue.
const LEAST_S: f64 = 1.0;
/// Added to the order of a job that has waited too long: it comes before every other.
const OVERDUE: f64 = -1e9;
/// Jobs at the head of the queue that each event places anew; those behind keep the arm they wait for.
const PLACED_AT_ONCE: usize = 64;

/// What becomes of a waiting job now.
enum Placing {
    /// Its arm is free: call it.
    Call(Box<Record>, Wish),
    /// Its best arm is busy: wait for it.
    Hold(Wish, f64, Option<Box<Record>>),
    /// Hosts that sleep may have an arm: this one is started to see.
    Rouse(usize),
    /// No arm at all.
    Nothing(Box<Record>, DispatchError, Hope),
}

/// What a job without an arm may wait for.
#[derive(Clone, Copy, Debug, Default)]
struct Hope {
    /// When the first host that rests or is gone may be called again.
    at: Option<Millis>,
    /// One of those hosts is half-open and at work on a call of ours: it may take more when that call ends.
    at_work: bool,
}

impl Dispatcher {
    /// Gives every job that waits an arm, as soon as it may have one: shortest first, the longer it waited the sooner.
    pub(super) fn place_waiting_jobs(&mut self) {
        let mut order: Vec<(f64, JobId)> = Vec::new();
        for (id, job) in &self.jobs {
            if self.is_due(job) {
                order.push((0.0, *id));
            }
        }
        if order.is_empty() {
            return;
        }
        self.futures.refill(self.now);
        let mut backlogs = self.backlogs();
        // Where one waits alone there is nothing to order.
        if order.len() > 1 {
            for (key, id) in &mut order {
                *key = self.order_key(*id, &backlogs);
            }
            order.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
        }
        for (rank, (_, id)) in order.into_iter().enumerate() {
            let later = self.now.plus(HELD_LOOK_MS);
            let Some(job) = self.jobs.get_mut(&id) else { continue };
            if rank < PLACED_AT_ONCE || !matches!(job.state, JobState::Held { .. }) {
                self.place(id, &mut backlogs);
                continue;
            }
            job.state = JobState::Held { again: later };
            if let Some(wish) = job.wish.clone() {
                self.reserve(&mut backlogs, &wish);
            }
        }
    }

    fn is_due(&self, job: &Job) -> bool {
        match job.state {
            JobState::Waiting(Some(until)) => self.now >= until,
            JobState::Waiting(None) => self.may_look(job),
            JobState::Held { .. } => true,
            JobState::Calling(_) => false,
        }
    }

    /// Seconds of load and work at its best arm, less a share of the seconds it has waited. A job that has waited more than
    /// `slowdown` times as long as it takes on an idle fleet goes before all others, the most delayed first.
    fn order_key(&self, id: JobId, backlogs: &[Backlog]) -> f64 {
        let age_s = |job: &Job| self.now.since(job.submitted) as f64 / 1e3 * self.config.tuning.age;
        let Some(job) = self.jobs.get(&id) else { return 0.0 };
        if let Some(slowed) = self.overdue(job) {
            return OVERDUE - slowed;
        }
        let cost_s = if let Some(wish) = &job.wish {
            wish.load_s + wish.work_s
        } else if job.stranded.is_some() {
            0.0
        } else {
            let ranked = self.view(backlogs).rank(&job.request, &job.tried, 0);
            ranked.best().map_or(0.0, |arm| arm.terms.load_s + arm.terms.prefill_s + arm.terms.decode_s)
        };
        cost_s - age_s(job)
    }

    /// A job's wait as a multiple of the time it takes on an idle fleet, where that is more than `slowdown`.
    fn overdue(&self, job: &Job) -> Option<f64> {
        let most = self.config.tuning.slowdown;
        let least_s = job.least_s.filter(|_| most > 0.0)?;
        let slowed = self.now.since(job.submitted) as f64 / 1e3 / least_s.max(LEAST_S);
        (slowed > most).then_some(slowed)
    }

    /// Where a job that has waited too long needs a load, the models that are to make way for it get no more calls: otherwise, with
    /// several slots or several models, some call would always be under way.
    fn make_way(&self, id: JobId, wish: &Wish, backlogs: &mut [Backlog]) {
        let overdue = self.jobs.get(&id).is_some_and(|job| self.overdue(job).is_some());
        if !overdue || wish.load_s <= 0.0 {
            return;
        }
        let victims = self.eviction(wish.position, &wish.model, backlogs).victims;
        if let Some(backlog) = backlogs.get_mut(wish.position) {
            for victim in &victims {
                backlog.close(victim);
            }
        }
    }

    /// Counts a job that waits where it wants to go: in part, while it may still go elsewhere.
    pub(super) fn reserve(&self, backlogs: &mut [Backlog], wish: &Wish) {
        let share = self.config.tuning.reserve;
        if let Some(backlog) = backlogs.get_mut(wish.position).filter(|_| share > 0.0) {
            let work_s = if wish.sure { wish.work_s } else { share * wish.work_s };
            backlog.reserve(&wish.model, work_s, wish.load_s);
        }
    }

    fn place(&mut self, id: JobId, backlogs: &mut [Backlog]) {
        if !self.name_embedder(id) {
            return;
        }
        let Some(job) = self.jobs.get(&id) else { return };
        let view = self.view(backlogs);
        let mut ranked = view.rank(&job.request, &job.tried, self.now.since(job.submitted));
        if job.state == JobState::Waiting(None) && !self.may_decide(job, &ranked) {
            return;
        }
        let own_s = |arm: &Scored<'_>| arm.terms.prefill_s + arm.terms.decode_s;
        let least_s = ranked.arms.iter().map(own_s).fold(f64::INFINITY, f64::min);
        let plan = if self.futures.any_left() {
            self.look_ahead(view, &ranked, &job.request, Some(id))
        } else {
            None
        };
        ranked.follow(plan);
        let first = job.decision.is_none();
        let compared = first.then(|| self.compared(view, &job.request, &ranked, Some(id))).flatten();
        let placing = self.placing(job, &ranked, view, || Box::new(ranked.record(view, &job.request, KEPT)));
        self.futures.spend(plan.map_or(0, |plan| plan.futures));
        if let Some(job) = self.jobs.get_mut(&id).filter(|_| compared.is_some()) {
            job.compared = compared;
        }
        match placing {
            Placing::Call(decision, wish) => self.begin(id, decision, wish, backlogs),
            Placing::Hold(wish, expected_s, decision) => {
                self.make_way(id, &wish, backlogs);
                self.reserve(backlogs, &wish);
                let again = self.now.plus(HELD_LOOK_MS);
                let sleeps = self.rouse(wish.position, Rousing::Wanted(&wish.model));
                let Some(job) = self.jobs.get_mut(&id) else { return };
                job.state = JobState::Held { again };
                if !sleeps {
                    job.stranded = None;
                }
                job.wish = Some(wish);
                job.least_s = Some(least_s);
                job.predicted_ms.get_or_insert(expected_s * 1e3);
                if decision.is_some() {
                    job.decision = decision;
                }
            }
            Placing::Rouse(position) => {
                self.rouse(position, Rousing::Unknown);
                let again = self.now.plus(HELD_LOOK_MS);
                if let Some(job) = self.jobs.get_mut(&id) {
                    (job.state, job.wish) = (JobState::Held { again }, None);
                }
            }
            Placing::Nothing(decision, error, hope) => self.nowhere(id, decision, error, hope),
        }
    }

    fn placing(
        &self,
        job: &Job,
        ranked: &Ranked<'_>,
        view: View<'_>,
        record: impl Fn() -> Box<Record>,
    ) -> Placing {
        let calls = job.attempts.len() as u32;
        let Some(best) = ranked.best() else {
            if let Some(position) = ranked.unknown_sleeper(view) {
                return Placing::Rouse(position);
            }
            let record = record();
            let mut error = refusal(&job.request, &record.decision(&self.fleet.hosts));
            let hope = Hope {
                at: ranked.resting().filter_map(|(_, host)| host.returns(self.now)).min(),
                at_work: ranked.resting().any(|(position, _)| self.is_at_work(position)),
            };
            error.retry_after_ms = hope.at.map(|at| at.since(self.now));
            if calls > 0 && error.code == DispatchErrorCode::NoHost {
                error.code = DispatchErrorCode::AllFailed;
            }
            return Placing::Nothing(record, error, hope);
        };
        if job.calls(self.config.max_attempts) >= self.config.max_attempts {
            let error = DispatchError::new(
                DispatchErrorCode::AllFailed,
                format!("{calls} calls failed, the most one request may make"),
                "see the attempts for what each host said, or raise max_attempts",
            );
            return Placing::Nothing(record(), error, Hope::default());
        }
        if best.startable || (!self.config.tuning.hold && best.terms.start_s <= 0.0) {
            return Placing::Call(record(), Wish::of(ranked, best));
        }
        let first = job.decision.is_none();
        if let Some(error) = self.hopeless(job, ranked).filter(|_| first) {
            return Placing::Nothing(record(), error, Hope::default());
        }
        Placing::Hold(Wish::of(ranked, best), best.expected_s, first.then(record))
    }

    /// A job whose turn comes long after its deadline is refused at once, where every arm is known well enough to say so.
    fn hopeless(&self, job: &Job, ranked: &Ranked<'_>) -> Option<DispatchError> {
        let left_s = job.deadline()?.since(self.now) as f64 / 1e3;
        let wait_s = |arm: &Scored<'_>| {
            let known = arm.model.decode.weight >= KNOWN;
            if known { arm.terms.load_s + arm.terms.queue_s } else { 0.0 }
        };
        let least_s = ranked.arms.iter().map(wait_s).fold(f64::INFINITY, f64::min);
        (least_s > HOPELESS * left_s).then(|| {
            let message =
                format!("its turn comes in about {} s, after its deadline", least_s.round_ties_even());
            let hint = "ask again later, allow more time, or add a host";
            DispatchError::new(DispatchErrorCode::Overloaded, message, hint)
                .again_after(((least_s - left_s) * 1e3) as u64)
        })
    }

    fn begin(&mut self, id: JobId, decision: Box<Record>, wish: Wish, backlogs: &mut [Backlog]) {
        let position = wish.position;
        if wish.load_s > 0.0 {
            self.evict_for(position, &wish.model, backlogs);
        }
        let Some(attempt) = self.call(id, decision, wish) else { return };
        if let (Some(backlog), Some(attempt)) = (backlogs.get_mut(position), self.attempts.get(&attempt)) {
            backlog.add(&attempt.running, self.now);
        }
    }

    /// A load that is about to begin pushes others out before the next look at the host shows it.
    pub(super) fn evict_for(&mut self, position: usize, name: &ModelName, backlogs: &[Backlog]) {
        let victims = self.eviction(position, name, backlogs).victims;
        let Some(host) = self.fleet.hosts.get_mut(position) else { return };
        for victim in victims {
            if let Some(model) = host.models.get_mut(&victim) {
                model.residency = Residency::Cold;
            }
        }
    }

    /// The models that the load of a cold model pushes out.
    pub(super) fn eviction(&self, position: usize, name: &ModelName, backlogs: &[Backlog]) -> Eviction {
        let (Some(host), Some(backlog)) = (self.fleet.hosts.get(position), backlogs.get(position)) else {
            return Eviction::default();
        };
        let Some(model) = host.models.get(name).filter(|model| model.residency == Residency::Cold) else {
            return Eviction::default();
        };
        let in_memory = InMemory::beside(host, backlog, Some(model));
        let needed = host.needed_bytes(model, 0);
        let bound = host.memory_bound(self.now, self.config.stale_after_ms());
        Eviction::of(host, backlog, in_memory, model, needed, bound, self.now)
    }

    /// Whether the host answers a call of ours, or loads a model for one in the time that is given to it.
    fn is_at_work(&self, position: usize) -> bool {
        self.attempts.values().any(|attempt| {
            let moves = match attempt.phase {
                Phase::Answering { .. } => true,
                Phase::BeforeFirstToken { .. } => {
                    attempt.running.loading && self.now < attempt.allowed_until()
                }
            };
            attempt.host_position == position && moves
        })
    }

    /// No arm is left: what failed in passing is tried again after a pause, a host that rests or was there before is waited
    /// for, and one that is at work for as long as it is; everything else is final.
    fn nowhere(&mut self, id: JobId, decision: Box<Record>, error: DispatchError, hope: Hope) {
        self.tell_starts();
        let (now, most_calls) = (self.now, self.config.max_attempts);
        let Some(job) = self.jobs.get_mut(&id) else { return };
        if hope.at_work {
            job.stranded = None;
        }
        let since = *job.stranded.get_or_insert(now);
        let patient = job.request.deadline_ms.is_some() || now.since(since) < PATIENCE_MS;
        if decision.arms.is_empty() && patient && job.calls(most_calls) < most_calls {
            let asked_ms = job.last_failure.as_ref().and_then(|failure| failure.retry_after_ms);
            let passing = job.tried.tried.iter().any(|(_, _, kind)| kind.class().passing);
            // A server that asks for more than anybody waits for is believed: its word goes to the caller.
            if passing && asked_ms.is_none_or(|ms| ms <= PATIENCE_MS) {
                self.pause(id);
                return;
            }
            if let Some(at) = hope.at {
                // A host half open is free when its call ends, which is an event.
                let soonest = now.plus(if hope.at_work { HELD_LOOK_MS } else { LEAST_LOOK_MS });
                let again = at.max(soonest).min(now.plus(HELD_LOOK_MS));
                job.state = JobState::Held { again };
                job.wish = None;
                job.decision.get_or_insert(decision);
                return;
            }
        }
        // The decision that led to the calls says more than the one that found nothing.
        job.decision.get_or_insert(decision);
        self.reject(id, error);
    }
}

/// Answers of an arm after which its prediction is good enough to refuse a job because of it.
const KNOWN: f64 = 3.0;
/// A job is refused if its predicted wait is this many times the time until its deadline.
const HOPELESS: f64 = 2.0;
/// Milliseconds a job without a deadline waits for an arm to come back.
const PATIENCE_MS: u64 = 30_000;
/// The least time between two placements of a waiting job, in milliseconds.
const LEAST_LOOK_MS: u64 = 20;
/// A waiting job is placed anew after this many milliseconds, if no event places it before.
const HELD_LOOK_MS: u64 = 1_000;

impl JobState {
    pub(super) fn wake_at(self) -> Option<Millis> {
        match self {
            Self::Waiting(until) => until,
            Self::Held { again } => Some(again),
            Self::Calling(_) => None,
        }
    }
}
