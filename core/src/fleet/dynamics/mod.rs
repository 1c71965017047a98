//! The fleet played forward in virtual time: what Ollama servers will do with the jobs they are given.
//!
//! * A runner works at its host's speed ÷ busy runners there, or less slowed where they hardly share anything; jobs in its slots
//!   share it, jobs beyond them wait in order.
//! * Each host loads one model at a time. A load waits until the model fits: idle runners are evicted, busy ones finish first.
//! * Beside others a model may take 80 % of what is free, alone all of it; larger than its host, it works five times slower.
//! * A runner that is idle for its keep-alive leaves; who is to make way is the idle one with the shortest.
//!
//! Hosts and models are positions, times are seconds, work is seconds on a host of speed 1 that does nothing else.
//! The dispatcher plays what it believes; a simulator plays what it declares true.

mod host;

use host::Host;

pub(crate) use host::slowed;

/// A host, as far as its behaviour goes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct HostTraits {
    /// Speed against the unit in which work is stated.
    pub speed: f64,
    /// Bytes for models; infinite where unknown.
    pub memory_bytes: f64,
    /// How much busy runners take from one another: 1 where they share all of the host, 0 where each has a part of its own.
    pub sharing: f64,
    /// Jobs a runner works on at a time.
    pub parallel: u32,
    /// Models in memory at most.
    pub max_loaded: u32,
    /// Seconds an idle runner stays, where no call says otherwise.
    pub keep_alive_s: f64,
}

/// A model on a host.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ArmTraits {
    /// Bytes it takes in memory.
    pub bytes: f64,
    /// Seconds its load takes.
    pub load_s: f64,
}

/// A job's work on an arm.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Work {
    /// The caller's number for it.
    pub job: u64,
    /// Seconds of reading, at speed 1.
    pub prefill_s: f64,
    /// Seconds of writing, at speed 1.
    pub decode_s: f64,
    /// Seconds its runner is to stay idle from now on, where the caller says; else what it was told last.
    pub keep_alive_s: Option<f64>,
}

/// Something that came to pass.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Happening {
    /// A model is loaded.
    Loaded {
        /// Seconds.
        at: f64,
        /// Its host.
        host: usize,
        /// The model.
        model: usize,
        /// Seconds the load took, its wait not included.
        load_s: f64,
    },
    /// A job has read its prompt.
    FirstToken {
        /// Seconds.
        at: f64,
        /// The job.
        job: u64,
    },
    /// A job is done.
    Finished {
        /// Seconds.
        at: f64,
        /// The job.
        job: u64,
    },
    /// A model left memory.
    Evicted {
        /// Seconds.
        at: f64,
        /// Its host.
        host: usize,
        /// The model.
        model: usize,
    },
}

/// What a runner is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunnerState {
    /// Not in memory.
    Cold,
    /// Its load waits for the loader or for memory.
    Waiting,
    /// Being loaded.
    Loading,
    /// In memory.
    Loaded,
}

/// Hosts at work. Cheap to clone; `clone_from` reuses what is there.
#[derive(Debug)]
pub struct Dynamics {
    now: f64,
    hosts: Vec<Host>,
    happened: Vec<Happening>,
    next_at: f64,
}

impl Clone for Dynamics {
    fn clone(&self) -> Self {
        Self {
            now: self.now,
            hosts: self.hosts.clone(),
            happened: self.happened.clone(),
            next_at: self.next_at,
        }
    }

    fn clone_from(&mut self, source: &Self) {
        self.now = source.now;
        self.hosts.clone_from(&source.hosts);
        self.happened.clone_from(&source.happened);
        self.next_at = source.next_at;
    }
}

impl Dynamics {
    /// Hosts with nothing loaded, each with its arms in the order of the models.
    pub fn new(hosts: impl IntoIterator<Item = (HostTraits, Vec<ArmTraits>)>) -> Self {
        let hosts = hosts.into_iter().map(|(traits, arms)| Host::new(traits, &arms)).collect();
        Self { now: 0.0, hosts, happened: Vec::new(), next_at: f64::INFINITY }
    }

    /// Seconds since the start.
    pub fn now(&self) -> f64 {
        self.now
    }

    /// When something will come to pass by itself; infinite where nothing will.
    pub fn next_at(&self) -> f64 {
        self.next_at
    }

    /// Plays on to this time and notes what comes to pass until then.
    pub fn advance(&mut self, to: f64) {
        while self.next_at <= to {
            let at = self.next_at;
            for (position, host) in self.hosts.iter_mut().enumerate() {
                if host.next_at() <= at {
                    host.advance(at, position, &mut self.happened);
                }
            }
            self.now = at;
            self.look_up_next();
        }
        self.now = self.now.max(to);
    }

    /// What came to pass since this was last asked, in order.
    pub fn take_happened(&mut self) -> impl Iterator<Item = Happening> + '_ {
        self.happened.drain(..)
    }

    /// Gives a job to an arm; unknown positions are ignored.
    pub fn submit(&mut self, host: usize, model: usize, work: Work) {
        self.change(host, |host, position, happened, now| host.submit(now, model, work, position, happened));
    }

    /// Takes a job back. A load it asked for goes on.
    pub fn cancel(&mut self, host: usize, job: u64) {
        self.change(host, |host, position, happened, now| host.cancel(now, job, position, happened));
    }

    /// Says that a model is in memory now.
    pub fn place(&mut self, host: usize, model: usize) {
        self.change(host, |host, _, _, now| host.place(now, model));
    }

    /// Says how long a model stays idle from now on.
    pub fn keep(&mut self, host: usize, model: usize, keep_alive_s: f64) {
        self.change(host, |host, _, _, now| host.keep(now, model, keep_alive_s));
    }

    /// Says that a model will be in memory after these seconds of loading.
    pub fn begin_load(&mut self, host: usize, model: usize, left_s: f64) {
        self.change(host, |host, _, _, _| host.begin_load(model, left_s));
    }

    /// Every model leaves, every job is lost: the server was started anew.
    pub fn restart(&mut self, host: usize) {
        self.change(host, |host, position, happened, now| host.restart(now, position, happened));
    }

    /// The host works at this speed from now on; zero stands still.
    pub fn set_speed(&mut self, host: usize, speed: f64) {
        self.change(host, |host, _, _, now| host.set_speed(now, speed));
    }

    /// The host has this much memory for models from now on; what is loaded stays until room is needed.
    pub fn set_memory(&mut self, host: usize, bytes: f64) {
        self.change(host, |host, _, _, _| host.set_memory(bytes));
    }

    fn change(&mut self, position: usize, act: impl FnOnce(&mut Host, usize, &mut Vec<Happening>, f64)) {
        let Some(host) = self.hosts.get_mut(position) else { return };
        host.advance(self.now, position, &mut self.happened);
        act(host, position, &mut self.happened, self.now);
        host.look_ahead();
        self.look_up_next();
    }

    fn look_up_next(&mut self) {
        self.next_at = self.hosts.iter().map(Host::next_at).fold(f64::INFINITY, f64::min);
    }

    /// Number of hosts.
    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// What a model's runner is doing.
    pub fn state(&self, host: usize, model: usize) -> RunnerState {
        self.hosts.get(host).map_or(RunnerState::Cold, |host| host.state(model))
    }

    /// Jobs a runner has, waiting ones included.
    pub fn jobs(&self, host: usize, model: usize) -> usize {
        self.hosts.get(host).map_or(0, |host| host.jobs(model))
    }

    /// Seconds of work a runner has left, at speed 1.
    pub fn left_s(&self, host: usize, model: usize) -> f64 {
        self.hosts.get(host).map_or(0.0, |host| host.left_s(self.now, model))
    }

    /// Seconds of work one job has left there, at speed 1; `None` where the runner does not have it.
    pub fn job_left_s(&self, host: usize, model: usize, job: u64) -> Option<f64> {
        self.hosts.get(host).and_then(|host| host.job_left_s(self.now, model, job))
    }

    /// Seconds until the loader has done what it has begun or queued, evictions not counted.
    pub fn loader_s(&self, host: usize) -> f64 {
        self.hosts.get(host).map_or(0.0, |host| host.loader_s(self.now))
    }

    /// Bytes in memory.
    pub fn used_bytes(&self, host: usize) -> f64 {
        self.hosts.get(host).map_or(0.0, Host::used_bytes)
    }

    /// The host's traits, as they stand.
    pub fn traits(&self, host: usize) -> Option<&HostTraits> {
        self.hosts.get(host).map(Host::traits)
    }

    /// The arm's traits.
    pub fn arm(&self, host: usize, model: usize) -> Option<&ArmTraits> {
        self.hosts.get(host).and_then(|host| host.arm(model))
    }

    /// Whether a load of the model could begin now: the loader is idle, and idle runners make enough room.
    pub fn can_load_now(&self, host: usize, model: usize) -> bool {
        self.hosts.get(host).is_some_and(|host| host.can_load_now(model))
    }

    /// How many times slower the model works there because it is larger than the host's memory.
    pub fn slowdown(&self, host: usize, model: usize) -> f64 {
        self.hosts.get(host).map_or(1.0, |host| host.slowdown(model))
    }
}

#[cfg(test)]
mod tests;
