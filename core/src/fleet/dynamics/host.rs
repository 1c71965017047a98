//! One host: runners that share it, one loader, memory.

use super::{ArmTraits, Happening, HostTraits, RunnerState, Work};

/// A model loads beside others only into this share of what is free, as Ollama does it.
const USABLE_SHARE: f64 = 0.8;
/// A model larger than its host works this many times slower.
const MISFIT_SLOWDOWN: f64 = 5.0;
/// Seconds of work below which it counts as done: rounding leaves no more, even after years of virtual time.
const NOTHING_S: f64 = 1e-7;

#[derive(Clone, Copy, Debug)]
struct Job {
    id: u64,
    prefill_s: f64,
    decode_s: f64,
}

#[derive(Debug)]
struct Runner {
    traits: ArmTraits,
    state: RunnerState,
    /// In the order they came; the first `parallel` are in slots.
    jobs: Vec<Job>,
    /// Seconds it stays idle, as the last call said.
    keep_alive_s: f64,
    /// When it leaves, while idle.
    expires: f64,
}

impl Clone for Runner {
    fn clone(&self) -> Self {
        Self { jobs: self.jobs.clone(), ..*self }
    }

    fn clone_from(&mut self, source: &Self) {
        self.jobs.clone_from(&source.jobs);
        (self.traits, self.state) = (source.traits, source.state);
        (self.keep_alive_s, self.expires) = (source.keep_alive_s, source.expires);
    }
}

#[derive(Debug)]
pub(super) struct Host {
    traits: HostTraits,
    runners: Vec<Runner>,
    /// Models whose load waits, in order.
    pending: Vec<usize>,
    /// The model being loaded, the seconds left, and the seconds it takes.
    loading: Option<(usize, f64, f64)>,
    used_bytes: f64,
    updated: f64,
    next_at: f64,
}

impl Clone for Host {
    fn clone(&self) -> Self {
        Self { runners: self.runners.clone(), pending: self.pending.clone(), ..*self }
    }

    fn clone_from(&mut self, source: &Self) {
        self.runners.clone_from(&source.runners);
        self.pending.clone_from(&source.pending);
        (self.traits, self.loading, self.used_bytes) = (source.traits, source.loading, source.used_bytes);
        (self.updated, self.next_at) = (source.updated, source.next_at);
    }
}

/// How many times slower a runner is where `busy` runners work and share this part of the machine.
pub(crate) fn slowed(busy: usize, sharing: f64) -> f64 {
    1.0 + sharing * busy.saturating_sub(1) as f64
}

impl Runner {
    fn is_busy(&self) -> bool {
        self.state == RunnerState::Loaded && !self.jobs.is_empty()
    }

    fn is_idle(&self) -> bool {
        self.state == RunnerState::Loaded && self.jobs.is_empty()
    }
}

impl Host {
    pub(super) fn new(traits: HostTraits, arms: &[ArmTraits]) -> Self {
        let default_s = traits.keep_alive_s;
        let cold = |traits: &ArmTraits| Runner {
            traits: *traits,
            state: RunnerState::Cold,
            jobs: Vec::new(),
            keep_alive_s: default_s,
            expires: f64::INFINITY,
        };
        Self {
            traits,
            runners: arms.iter().map(cold).collect(),
            pending: Vec::new(),
            loading: None,
            used_bytes: 0.0,
            updated: 0.0,
            next_at: f64::INFINITY,
        }
    }

    pub(super) fn next_at(&self) -> f64 {
        self.next_at
    }

    pub(super) fn traits(&self) -> &HostTraits {
        &self.traits
    }

    pub(super) fn arm(&self, model: usize) -> Option<&ArmTraits> {
        self.runners.get(model).map(|runner| &runner.traits)
    }

    pub(super) fn state(&self, model: usize) -> RunnerState {
        self.runners.get(model).map_or(RunnerState::Cold, |runner| runner.state)
    }

    pub(super) fn jobs(&self, model: usize) -> usize {
        self.runners.get(model).map_or(0, |runner| runner.jobs.len())
    }

    fn slots(&self) -> usize {
        self.traits.parallel.max(1) as usize
    }

    /// Seconds of work done in a second by each busy runner.
    fn runner_rate(&self) -> f64 {
        let busy = self.runners.iter().filter(|runner| runner.is_busy()).count();
        self.traits.speed / slowed(busy, self.traits.sharing)
    }

    pub(super) fn left_s(&self, now: f64, model: usize) -> f64 {
        let Some(runner) = self.runners.get(model) else { return 0.0 };
        let left: f64 = runner.jobs.iter().map(|job| job.prefill_s + job.decode_s).sum();
        let done = if runner.is_busy() { (now - self.updated) * self.runner_rate() } else { 0.0 };
        (left - done).max(0.0)
    }

    pub(super) fn loader_s(&self, now: f64) -> f64 {
        let current = self.loading.map_or(0.0, |(_, left, _)| (left - (now - self.updated)).max(0.0));
        let load_s = |model: &usize| self.arm(*model).map_or(0.0, |arm| arm.load_s);
        current + self.pending.iter().map(load_s).sum::<f64>()
    }

    pub(super) fn slowdown(&self, model: usize) -> f64 {
        let misfit = self.arm(model).is_some_and(|arm| arm.bytes > self.traits.memory_bytes);
        if misfit { MISFIT_SLOWDOWN } else { 1.0 }
    }

    /// Works until `to`, which must not be past the next event, and notes what comes to pass then.
    pub(super) fn advance(&mut self, to: f64, position: usize, happened: &mut Vec<Happening>) {
        let elapsed = to - self.updated;
        if elapsed > 0.0 {
            self.work(elapsed, to, happened);
            self.updated = to;
        }
        if self.next_at <= to {
            self.settle(to, position, happened);
            self.look_ahead();
        }
    }

    fn work(&mut self, elapsed: f64, to: f64, happened: &mut Vec<Happening>) {
        let (rate, slots, batching) = (self.runner_rate(), self.slots(), self.traits.batching);
        for runner in self.runners.iter_mut().filter(|runner| runner.is_busy()) {
            let active = runner.jobs.len().min(slots);
            let share = elapsed * rate / slowed(active, batching);
            for job in runner.jobs.iter_mut().take(active) {
                let reading = job.prefill_s.min(share);
                let read = job.prefill_s > 0.0 && job.prefill_s - reading <= NOTHING_S;
                job.prefill_s = if read { 0.0 } else { job.prefill_s - reading };
                job.decode_s = (job.decode_s - (share - reading)).max(0.0);
                if read {
                    happened.push(Happening::FirstToken { at: to, job: job.id });
                }
            }
        }
        if let Some((_, left, _)) = &mut self.loading {
            *left -= elapsed;
        }
    }

    /// Ends what is over at this very time.
    fn settle(&mut self, at: f64, position: usize, happened: &mut Vec<Happening>) {
        let slots = self.slots();
        for runner in self.runners.iter_mut().filter(|runner| runner.is_busy()) {
            let mut slot = 0;
            runner.jobs.retain(|job| {
                slot += 1;
                let done = slot <= slots && job.prefill_s + job.decode_s <= NOTHING_S;
                if done {
                    happened.push(Happening::Finished { at, job: job.id });
                }
                !done
            });
            if runner.jobs.is_empty() {
                runner.expires = at + runner.keep_alive_s;
            }
        }
        if let Some((model, left, load_s)) = self.loading
            && left <= NOTHING_S
        {
            self.loading = None;
            self.place(at, model);
            happened.push(Happening::Loaded { at, host: position, model, load_s });
        }
        for model in 0..self.runners.len() {
            if self.runners.get(model).is_some_and(|runner| runner.is_idle() && runner.expires <= at) {
                self.evict(at, model, position, happened);
            }
        }
        self.load_next(at, position, happened);
    }

    pub(super) fn submit(
        &mut self,
        now: f64,
        model: usize,
        work: Work,
        position: usize,
        happened: &mut Vec<Happening>,
    ) {
        let slowdown = self.slowdown(model);
        let Some(runner) = self.runners.get_mut(model) else { return };
        let seconds = |value: f64| if value.is_finite() { value.max(0.0) * slowdown } else { 0.0 };
        // Each phase takes some time, so that each job has a first token and an end, one after the other.
        let (prefill_s, decode_s) = (seconds(work.prefill_s).max(1e-6), seconds(work.decode_s));
        runner.jobs.push(Job { id: work.job, prefill_s, decode_s });
        runner.keep_alive_s = work.keep_alive_s.unwrap_or(runner.keep_alive_s);
        if runner.state == RunnerState::Cold {
            runner.state = RunnerState::Waiting;
            self.pending.push(model);
            self.load_next(now, position, happened);
        }
    }

    pub(super) fn place(&mut self, now: f64, model: usize) {
        let Some(runner) = self.runners.get_mut(model) else { return };
        // A load that has begun counts already.
        if runner.state != RunnerState::Loading {
            self.used_bytes += runner.traits.bytes;
        }
        runner.state = RunnerState::Loaded;
        runner.expires = now + runner.keep_alive_s;
    }

    pub(super) fn keep(&mut self, now: f64, model: usize, keep_alive_s: f64) {
        let Some(runner) = self.runners.get_mut(model) else { return };
        runner.keep_alive_s = keep_alive_s;
        runner.expires = now + keep_alive_s;
    }

    pub(super) fn begin_load(&mut self, model: usize, left_s: f64) {
        let Some(runner) = self.runners.get_mut(model) else { return };
        if self.loading.is_none() {
            runner.state = RunnerState::Loading;
            self.used_bytes += runner.traits.bytes;
            self.loading = Some((model, left_s, left_s));
        }
    }

    fn evict(&mut self, at: f64, model: usize, position: usize, happened: &mut Vec<Happening>) {
        let Some(runner) = self.runners.get_mut(model) else { return };
        (runner.state, runner.keep_alive_s) = (RunnerState::Cold, self.traits.keep_alive_s);
        self.used_bytes = (self.used_bytes - runner.traits.bytes).max(0.0);
        happened.push(Happening::Evicted { at, host: position, model });
    }

    fn loaded(&self) -> usize {
        let in_memory = |runner: &&Runner| matches!(runner.state, RunnerState::Loaded | RunnerState::Loading);
        self.runners.iter().filter(in_memory).count()
    }

    fn fits(&self, bytes: f64, used_bytes: f64, loaded: usize) -> bool {
        let room = self.traits.memory_bytes - used_bytes;
        loaded == 0 || (bytes <= room * USABLE_SHARE && loaded < self.traits.max_loaded as usize)
    }

    /// Begins the next load as soon as the loader is free and the model fits.
    fn load_next(&mut self, at: f64, position: usize, happened: &mut Vec<Happening>) {
        while self.loading.is_none()
            && let Some(model) = self.pending.first().copied()
        {
            let Some(traits) = self.arm(model).copied() else { return };
            while !self.fits(traits.bytes, self.used_bytes, self.loaded()) {
                let Some(victim) = self.victim() else { return };
                self.evict(at, victim, position, happened);
            }
            self.pending.remove(0);
            self.begin_load(model, traits.load_s.max(0.0));
        }
    }

    /// The idle runner that is to make way first.
    fn victim(&self) -> Option<usize> {
        let idle = self.runners.iter().enumerate().filter(|(_, runner)| runner.is_idle());
        let shortest = |(_, left): &(usize, &Runner), (_, right): &(usize, &Runner)| {
            left.keep_alive_s.total_cmp(&right.keep_alive_s)
        };
        idle.min_by(shortest).map(|(model, _)| model)
    }

    pub(super) fn can_load_now(&self, model: usize) -> bool {
        let Some(traits) = self.arm(model) else { return false };
        if self.loading.is_some() || !self.pending.is_empty() {
            return false;
        }
        let (mut used_bytes, mut loaded) = (self.used_bytes, self.loaded());
        for idle in self.runners.iter().filter(|runner| runner.is_idle()) {
            if self.fits(traits.bytes, used_bytes, loaded) {
                return true;
            }
            used_bytes -= idle.traits.bytes;
            loaded -= 1;
        }
        self.fits(traits.bytes, used_bytes, loaded)
    }

    /// Works out when something comes to pass next.
    pub(super) fn look_ahead(&mut self) {
        let (rate, slots, batching) = (self.runner_rate(), self.slots(), self.traits.batching);
        let mut next_s = self.loading.map_or(f64::INFINITY, |(_, left, _)| left.max(0.0));
        for runner in &self.runners {
            if runner.is_busy() {
                let active = runner.jobs.len().min(slots);
                let pace = rate / slowed(active, batching);
                for job in runner.jobs.iter().take(active) {
                    let work = if job.prefill_s > 0.0 { job.prefill_s } else { job.decode_s };
                    next_s = next_s.min(work / pace);
                }
            } else if runner.is_idle() {
                next_s = next_s.min((runner.expires - self.updated).max(0.0));
            }
        }
        // Never NaN (nothing to do at no speed), and never so small a step that time stands still.
        self.next_at = match next_s {
            next_s if !next_s.is_finite() => f64::INFINITY,
            next_s if next_s > 0.0 => (self.updated + next_s).max(self.updated.next_up()),
            _ => self.updated,
        };
    }
}
