//! A future played through under the score's own rule: jobs wait until their arm is free, the shortest first, and a job that
//! waits counts for those behind it.

use crate::fleet::dynamics::{Dynamics, Happening, RunnerState, Work, slowed};
use crate::policy::look_ahead::belief::{Belief, KindArm, PlayedKind};
use crate::policy::look_ahead::future::{Future, PlayedJob};

/// No future is played for more events than this.
const EVENTS: usize = 400;
/// Jobs are numbered from here on; the calls under way come before.
const FIRST_JOB: u64 = 1 << 32;
/// Seconds that are added for a job which has not ended when the rollout ends.
const UNFINISHED_S: f64 = 60.0;

/// Kept from play to play, so that nothing is allocated anew.
pub(super) struct Rollout {
    start: Dynamics,
    fleet: Dynamics,
    pending: Vec<(usize, f64)>,
    arms: Vec<ArmState>,
    /// The arm that the first job takes, at once or when it is free.
    pinned: (usize, usize),
    /// What the answers of the jobs that were sent lack in quality, in seconds.
    quality_s: f64,
}

/// What the rule sees of one arm.
#[derive(Clone, Copy, Debug)]
struct ArmState {
    left_s: f64,
    jobs: usize,
    state: RunnerState,
    can_load: bool,
    load_s: f64,
    slowdown: f64,
}

impl Rollout {
    pub(super) fn new(belief: &Belief) -> Self {
        Self {
            start: belief.fleet.clone(),
            fleet: belief.fleet.clone(),
            pending: Vec::new(),
            arms: Vec::new(),
            pinned: (0, 0),
            quality_s: 0.0,
        }
    }

    /// Sets the calls under way to what the future holds for them.
    pub(super) fn begin(&mut self, belief: &Belief, future: &Future) {
        self.start.clone_from(&belief.fleet);
        for ((job, call), rest) in (0_u64..).zip(&belief.calls).zip(&future.rest_tokens) {
            let (prefill_s, decode_s) = (call.prefill_s, rest * call.decode_s_per_token);
            self.start.submit(call.host, call.model, Work { job, prefill_s, decode_s, keep_alive_s: None });
        }
    }

    /// Seconds that all jobs together spend from now on, or from their arrival, if the job takes this choice, and what their answers
    /// lack in quality.
    pub(super) fn total_s(&mut self, belief: &Belief, future: &Future, choice: usize) -> f64 {
        self.fleet.clone_from(&self.start);
        self.pending.clear();
        self.quality_s = 0.0;
        let Some((host, model, startable)) = belief.choices.get(choice).copied() else {
            return f64::INFINITY;
        };
        let mut arrived = 0;
        while future.jobs.get(arrived).is_some_and(|job| job.arrives <= 0.0) {
            self.pending.push((arrived, 0.0));
            arrived += 1;
        }
        self.pinned = (host, model);
        if startable {
            self.pending.remove(0);
            self.send(belief, future, 0, host, model);
        }
        let mut unfinished = belief.calls.len() + arrived;
        let mut total_s = 0.0;
        self.place(belief, future);
        for _ in 0..EVENTS {
            let arrival = future.jobs.get(arrived).map_or(f64::INFINITY, |job| job.arrives);
            let next = self.fleet.next_at().min(arrival);
            if !next.is_finite() || unfinished == 0 && arrival.is_infinite() {
                break;
            }
            self.fleet.advance(next);
            let mut telling = false;
            for happening in self.fleet.take_happened() {
                match happening {
                    Happening::Finished { at, job } => {
                        let known = job.checked_sub(FIRST_JOB).and_then(|job| future.jobs.get(job as usize));
                        total_s += at - known.map_or(0.0, |job| job.arrives);
                        unfinished -= 1;
                        telling = true;
                    }
                    Happening::Loaded { .. } => telling = true,
                    Happening::FirstToken { .. } | Happening::Evicted { .. } => {}
                }
            }
            if arrival <= next {
                self.pending.push((arrived, arrival));
                arrived += 1;
                unfinished += 1;
                telling = true;
            }
            if telling && !self.pending.is_empty() {
                self.place(belief, future);
            }
        }
        let now = self.fleet.now();
        total_s + self.quality_s + unfinished as f64 * (now + UNFINISHED_S)
    }

    fn send(&mut self, belief: &Belief, future: &Future, job: usize, host: usize, model: usize) {
        let Some(played) = future.jobs.get(job) else { return };
        let arm = kind_of(belief, played)
            .and_then(|kind| kind.arms.iter().find(|arm| arm.host == host && arm.model == model));
        let Some(arm) = arm else { return };
        let work = Work {
            job: FIRST_JOB + job as u64,
            prefill_s: arm.prefill_s * played.prompt_factor,
            decode_s: played.output_tokens * arm.decode_s_per_token,
            keep_alive_s: arm.keep_alive_s,
        };
        self.quality_s += arm.quality_s;
        self.fleet.submit(host, model, work);
    }

    /// Sends every waiting job whose best arm is free.
    fn place(&mut self, belief: &Belief, future: &Future) {
        self.look(belief);
        let now = self.fleet.now();
        let mut pending = std::mem::take(&mut self.pending);
        if pending.len() > 1 {
            let key = |job: &(usize, f64)| {
                let own_s =
                    future.jobs.get(job.0).and_then(|job| kind_of(belief, job)).map_or(0.0, least_own_s);
                own_s - belief.age_weight * (now - job.1)
            };
            pending.sort_by(|left, right| key(left).total_cmp(&key(right)).then(left.0.cmp(&right.0)));
        }
        pending.retain(|(job, _)| {
            let Some(kind) = future.jobs.get(*job).and_then(|job| kind_of(belief, job)) else { return false };
            let pinned = (*job == 0).then_some(self.pinned);
            let Some((best, startable)) = self.best(belief, kind, pinned) else { return false };
            let place = best.host * belief.models + best.model;
            if startable {
                self.send(belief, future, *job, best.host, best.model);
            }
            if let Some(load) = self.arms.get_mut(place) {
                load.left_s += best.own_s;
                load.jobs += 1;
                if load.state == RunnerState::Cold {
                    load.state = RunnerState::Waiting;
                }
            }
            !startable
        });
        self.pending = pending;
    }

    fn look(&mut self, belief: &Belief) {
        self.arms.clear();
        for host in 0..belief.slots.len() {
            for model in 0..belief.models {
                let state = self.fleet.state(host, model);
                let cold = state == RunnerState::Cold;
                self.arms.push(ArmState {
                    left_s: if cold { 0.0 } else { self.fleet.left_s(host, model) },
                    jobs: self.fleet.jobs(host, model),
                    state,
                    can_load: cold && self.fleet.can_load_now(host, model),
                    load_s: self.fleet.arm(host, model).map_or(0.0, |arm| arm.load_s),
                    slowdown: self.fleet.slowdown(host, model),
                });
            }
        }
    }

    /// The arm with the least expected completion, harm and lack of quality, and whether a call would begin there at once.
    fn best<'a>(
        &self,
        belief: &Belief,
        kind: &'a PlayedKind,
        pinned: Option<(usize, usize)>,
    ) -> Option<(&'a KindArm, bool)> {
        let mut best: Option<(f64, &KindArm, bool)> = None;
        for arm in kind.arms.iter().filter(|arm| pinned.is_none_or(|place| place == (arm.host, arm.model))) {
            let (cost_s, startable) = self.cost_s(belief, arm);
            let cost_s = cost_s + arm.quality_s;
            if best.is_none_or(|(least, _, _)| cost_s < least) {
                best = Some((cost_s, arm, startable));
            }
        }
        best.map(|(_, arm, startable)| (arm, startable))
    }

    fn cost_s(&self, belief: &Belief, arm: &KindArm) -> (f64, bool) {
        let first = arm.host * belief.models;
        let Some(host) = self.arms.get(first..first + belief.models) else { return (f64::INFINITY, false) };
        let Some(own) = host.get(arm.model) else { return (f64::INFINITY, false) };
        let (slots, turn_mates) = belief.slots.get(arm.host).copied().unwrap_or((1, false));
        let own_s = arm.own_s * own.slowdown;
        let free = own.jobs < slots;
        let (sharing, batching) =
            self.fleet.traits(arm.host).map_or((1.0, 1.0), |traits| (traits.sharing, traits.batching));
        let mates_s = if free { own.left_s.min(own_s * own.jobs as f64) } else { 0.0 };
        let queue_s = if free {
            batching * mates_s
        } else {
            own.left_s * slowed(slots, batching) / slots.max(1) as f64
        };
        let waits = |load: &ArmState| matches!(load.state, RunnerState::Loading | RunnerState::Waiting);
        let (load_s, startable) = match own.state {
            RunnerState::Loaded => (0.0, free),
            RunnerState::Loading | RunnerState::Waiting => (
                self.fleet.loader_s(arm.host).max(own.load_s * 0.5),
                free && own.state == RunnerState::Loading,
            ),
            RunnerState::Cold => {
                let reserved: f64 = host.iter().filter(|load| waits(load)).map(|load| load.load_s).sum();
                let busy = host.iter().filter(|load| load.state == RunnerState::Loaded && load.left_s > 0.0);
                let drain_s = if own.can_load {
                    0.0
                } else {
                    busy.map(|load| load.left_s).fold(f64::INFINITY, f64::min)
                };
                let drain_s = if drain_s.is_finite() { drain_s } else { 0.0 };
                (reserved.max(drain_s) + own.load_s, own.can_load && reserved <= 0.0)
            }
        };
        let until_s = queue_s + own_s;
        let (mut shared_s, mut others_s) = (0.0, 0.0);
        for (model, other) in host.iter().enumerate() {
            if model != arm.model && other.left_s > 0.0 {
                shared_s += (other.left_s - load_s).max(0.0).min(until_s);
                others_s += other.left_s;
            }
        }
        shared_s *= sharing;
        let (mates_left_s, mates_shared_s) =
            if free && turn_mates { (own.left_s, batching * mates_s) } else { (0.0, 0.0) };
        if startable
            && load_s <= 0.0
            && others_s + mates_left_s < belief.turns * 2.0 * (shared_s + mates_shared_s)
        {
            return (until_s - mates_shared_s + others_s + mates_left_s, false);
        }
        (load_s + until_s + 2.0 * shared_s + batching * mates_s, startable)
    }
}

fn kind_of<'a>(belief: &'a Belief, job: &PlayedJob) -> Option<&'a PlayedKind> {
    belief.jobs.get(job.kind).or_else(|| belief.kinds.get(job.kind - belief.jobs.len()))
}

fn least_own_s(kind: &PlayedKind) -> f64 {
    let own = kind.arms.iter().map(|arm| arm.own_s).fold(f64::INFINITY, f64::min);
    if own.is_finite() { own } else { 0.0 }
}
