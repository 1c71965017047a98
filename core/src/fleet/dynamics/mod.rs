//! The fleet played forward in virtual time: what Ollama servers will do with the jobs they are given.
//!
//! * A runner works at its host's speed ÷ busy runners there, or less slowed where they hardly share anything; jobs in its slots
//!   share it, or less slowed where the host works on several at a time; jobs beyond them wait in order.
//! * Each host loads one model at a time. A load waits until the model fits: idle runners are evicted, busy ones finish first.
//! * Beside others a model may take 80 % of what is free, alone all of it; larger than its host, it works five times slower.
//! * A runner that is idle for its keep-alive leaves; who is to make way is the idle one with the shortest.
//!
//! Hosts and models are positions, times are seconds, work is seconds on a host of speed 1 that does nothing else.
//! This is the planner's own model of Ollama, told what the dispatcher believes. The simulator that judges it has another one, on its
//! scheduler.

mod host;

use host::Host;

pub(crate) use host::slowed;

/// A host, as far as its behaviour goes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct HostTraits {
    /// Speed against the unit in which work is stated.
    pub(crate) speed: f64,
    /// Bytes for models.
    pub(crate) memory_bytes: f64,
    /// How much busy runners take from one another: 1 where they share all of the host, 0 where each has a part of its own.
    pub(crate) sharing: f64,
    /// Jobs a runner works on at a time.
    pub(crate) parallel: u32,
    /// How much those take from one another: 1 where they share their runner's speed, 0 where each has all of it.
    pub(crate) batching: f64,
    /// Models in memory at most.
    pub(crate) max_loaded: u32,
    /// Seconds an idle runner stays, where no call says otherwise.
    pub(crate) keep_alive_s: f64,
}

/// A model on a host.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct ArmTraits {
    /// Bytes it takes in memory.
    pub(crate) bytes: f64,
    /// Seconds its load takes.
    pub(crate) load_s: f64,
}

/// A job's work on an arm.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Work {
    /// The caller's number for it.
    pub(crate) job: u64,
    /// Seconds of reading, at speed 1.
    pub(crate) prefill_s: f64,
    /// Seconds of writing, at speed 1.
    pub(crate) decode_s: f64,
    /// Seconds its runner is to stay idle from now on, where the caller says; else what it was told last.
    pub(crate) keep_alive_s: Option<f64>,
}

/// Something that came to pass.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Happening {
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
pub(crate) enum RunnerState {
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
pub(crate) struct Dynamics {
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
    pub(crate) fn new(hosts: impl IntoIterator<Item = (HostTraits, Vec<ArmTraits>)>) -> Self {
        let hosts = hosts.into_iter().map(|(traits, arms)| Host::new(traits, &arms)).collect();
        Self { now: 0.0, hosts, happened: Vec::new(), next_at: f64::INFINITY }
    }

    /// Seconds since the start.
    pub(crate) fn now(&self) -> f64 {
        self.now
    }

    /// When something will come to pass by itself; infinite where nothing will.
    pub(crate) fn next_at(&self) -> f64 {
        self.next_at
    }

    /// Plays on to this time and notes what comes to pass until then.
    pub(crate) fn advance(&mut self, to: f64) {
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
    pub(crate) fn take_happened(&mut self) -> impl Iterator<Item = Happening> + '_ {
        self.happened.drain(..)
    }

    /// Gives a job to an arm; unknown positions are ignored.
    pub(crate) fn submit(&mut self, host: usize, model: usize, work: Work) {
        self.change(host, |host, position, happened, now| host.submit(now, model, work, position, happened));
    }

    /// Says that a model is in memory now.
    pub(crate) fn place(&mut self, host: usize, model: usize) {
        self.change(host, |host, _, _, now| host.place(now, model));
    }

    /// Says how long a model stays idle from now on.
    pub(crate) fn keep(&mut self, host: usize, model: usize, keep_alive_s: f64) {
        self.change(host, |host, _, _, now| host.keep(now, model, keep_alive_s));
    }

    /// Says that a model will be in memory after these seconds of loading.
    pub(crate) fn begin_load(&mut self, host: usize, model: usize, left_s: f64) {
        self.change(host, |host, _, _, _| host.begin_load(model, left_s));
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

    /// What a model's runner is doing.
    pub(crate) fn state(&self, host: usize, model: usize) -> RunnerState {
        self.hosts.get(host).map_or(RunnerState::Cold, |host| host.state(model))
    }

    /// Jobs a runner has, waiting ones included.
    pub(crate) fn jobs(&self, host: usize, model: usize) -> usize {
        self.hosts.get(host).map_or(0, |host| host.jobs(model))
    }

    /// Seconds of work a runner has left, at speed 1.
    pub(crate) fn left_s(&self, host: usize, model: usize) -> f64 {
        self.hosts.get(host).map_or(0.0, |host| host.left_s(self.now, model))
    }

    /// Seconds until the loader has done what it has begun or queued, evictions not counted.
    pub(crate) fn loader_s(&self, host: usize) -> f64 {
        self.hosts.get(host).map_or(0.0, |host| host.loader_s(self.now))
    }

    /// The host's traits, as they stand.
    pub(crate) fn traits(&self, host: usize) -> Option<&HostTraits> {
        self.hosts.get(host).map(Host::traits)
    }

    /// The arm's traits.
    pub(crate) fn arm(&self, host: usize, model: usize) -> Option<&ArmTraits> {
        self.hosts.get(host).and_then(|host| host.arm(model))
    }

    /// Whether a load of the model could begin now: the loader is idle, and idle runners make enough room.
    pub(crate) fn can_load_now(&self, host: usize, model: usize) -> bool {
        self.hosts.get(host).is_some_and(|host| host.can_load_now(model))
    }

    /// How many times slower the model works there because it is larger than the host's memory.
    pub(crate) fn slowdown(&self, host: usize, model: usize) -> f64 {
        self.hosts.get(host).map_or(1.0, |host| host.slowdown(model))
    }
}

#[cfg(test)]
mod tests;
