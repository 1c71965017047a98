//! Simulated hosts in virtual time: each is Ollama's [`Scheduler`](crate::scheduler::Scheduler) and a [`Machine`](crate::machine::Machine), driven by a
//! clock that jumps to what happens next.
//!
//! Hosts and models are positions, times are seconds since the start, work is seconds on a host of speed 1 that does nothing else.
//! Nothing here is known to Smart AI: it plans on a model of its own.

mod host;

use std::rc::Rc;

use host::Host;

use crate::duration::nanos;
use crate::scheduler::Nanos;

/// A host.
#[derive(Clone, Debug)]
pub struct HostTraits {
    /// Speed against the models' rates.
    pub speed: f64,
    /// Memory for models.
    pub memory_bytes: f64,
    /// How much busy runners take from one another: 1 where they share all of the host, 0 where each has a part of its own.
    pub sharing: f64,
    /// Jobs a runner works on at a time (`OLLAMA_NUM_PARALLEL`).
    pub parallel: u32,
    /// Models in memory at most (`OLLAMA_MAX_LOADED_MODELS`).
    pub max_loaded: u32,
    /// Seconds an idle runner stays where no call says otherwise (`OLLAMA_KEEP_ALIVE`).
    pub keep_alive_s: f64,
}

/// A model on a host.
#[derive(Clone, Debug)]
pub struct ArmTraits {
    /// Its name; where all else is equal, Ollama evicts by it.
    pub name: String,
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
    /// Seconds until its prompt is processed, at speed 1.
    pub prefill_s: f64,
    /// Seconds from then to its last token, at speed 1.
    pub decode_s: f64,
    /// `keep_alive` of the request, in seconds; `None` keeps the runner's own.
    pub keep_alive_s: Option<f64>,
}

/// What happened on a host.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Happening {
    /// A model was loaded.
    Loaded {
        /// Its host.
        host: usize,
        /// The model.
        model: usize,
        /// Seconds.
        at: f64,
    },
    /// Models left memory: for another one, for idleness or because they were told to.
    Unloaded {
        /// Their host.
        host: usize,
        /// How many.
        count: u64,
    },
    /// A job has its runner: from here on Ollama's `load_duration` is over.
    Ready {
        /// The job.
        job: u64,
        /// Seconds.
        at: f64,
    },
    /// A job has a slot and begins to process its prompt.
    Started {
        /// The job.
        job: u64,
        /// Seconds.
        at: f64,
    },
    /// A job's prompt is processed.
    FirstToken {
        /// The job.
        job: u64,
        /// Seconds.
        at: f64,
    },
    /// A job is done.
    Finished {
        /// The job.
        job: u64,
        /// Seconds.
        at: f64,
    },
    /// A job was refused because the host's queue is full.
    Refused {
        /// The job.
        job: u64,
    },
}

/// What a host does about a model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunnerState {
    /// Not in memory, and nobody asks for it.
    Cold,
    /// Its load waits for another load or for memory.
    Waiting,
    /// Being loaded.
    Loading,
    /// In memory.
    Loaded,
}

/// Hosts at work. A clone shares every host with its source until one of them changes it.
#[derive(Clone, Debug)]
pub struct Fleet {
    now: f64,
    hosts: Vec<Rc<Host>>,
    happened: Vec<Happening>,
}

impl Fleet {
    /// Hosts with nothing loaded, each with its models in one order.
    pub fn new(hosts: impl IntoIterator<Item = (HostTraits, Vec<ArmTraits>)>) -> Self {
        let numbered = hosts.into_iter().enumerate();
        let hosts = numbered.map(|(position, (traits, arms))| Rc::new(Host::new(position, &traits, &arms)));
        Self { now: 0.0, hosts: hosts.collect(), happened: Vec::new() }
    }

    /// Seconds since the start.
    pub fn now(&self) -> f64 {
        self.now
    }

    /// When something will happen by itself; infinite where nothing will.
    pub fn next_at(&self) -> f64 {
        self.next().map_or(f64::INFINITY, |(at, _)| seconds(at))
    }

    fn next(&self) -> Option<(Nanos, usize)> {
        let next =
            self.hosts.iter().enumerate().filter_map(|(position, host)| Some((host.next_at()?, position)));
        next.min()
    }

    /// Plays on to this time and notes what happens until then.
    pub fn advance(&mut self, to: f64) {
        while let Some((at, position)) = self.next().filter(|(at, _)| seconds(*at) <= to) {
            if let Some(host) = self.hosts.get_mut(position) {
                Rc::make_mut(host).advance(at, &mut self.happened);
            }
        }
        self.now = self.now.max(to);
    }

    /// What happened since this was last asked, in order.
    pub fn take_happened(&mut self) -> impl Iterator<Item = Happening> + '_ {
        self.happened.drain(..)
    }

    /// A request for a model comes in; unknown positions are ignored.
    pub fn submit(&mut self, host: usize, model: usize, work: Work) {
        self.change(host, |host, now, happened| host.submit(now, model, work, happened));
    }

    /// A request's client leaves. Ollama gives up the load that it alone asked for.
    pub fn cancel(&mut self, host: usize, job: u64) {
        self.change(host, |host, now, happened| host.cancel(now, job, happened));
    }

    /// Loads a model that no job asks for; it is done when a job of this number is.
    pub fn load(&mut self, host: usize, model: usize, job: u64, keep_alive_s: Option<f64>) {
        self.change(host, |host, now, happened| host.load(now, model, job, keep_alive_s, happened));
    }

    /// Lets a model leave as soon as no job uses it (`keep_alive` 0 without a prompt).
    pub fn unload(&mut self, host: usize, model: usize) {
        self.change(host, |host, now, happened| host.unload(now, model, happened));
    }

    /// The server is started anew: every model and every job is lost.
    pub fn restart(&mut self, host: usize) {
        self.change(host, |host, now, _| host.restart(now));
    }

    /// The host works at this speed from now on; at 0 it stands still.
    pub fn set_speed(&mut self, host: usize, speed: f64) {
        self.change(host, |host, now, _| host.set_speed(now, speed));
    }

    /// The host has this much memory for models from now on; what is loaded stays until room is needed.
    pub fn set_memory(&mut self, host: usize, bytes: f64) {
        self.change(host, |host, _, _| host.set_memory(bytes));
    }

    fn change(&mut self, position: usize, act: impl FnOnce(&mut Host, Nanos, &mut Vec<Happening>)) {
        let Some(host) = self.hosts.get_mut(position) else { return };
        let (host, now) = (Rc::make_mut(host), nanos(self.now));
        host.advance(now, &mut self.happened);
        act(host, now, &mut self.happened);
        host.look_up_next();
    }

    fn host(&self, position: usize) -> Option<&Host> {
        self.hosts.get(position).map(|host| &**host)
    }

    /// What a host does about a model.
    pub fn state(&self, host: usize, model: usize) -> RunnerState {
        self.host(host).map_or(RunnerState::Cold, |host| host.state(model))
    }

    /// Jobs for a model that a host has, waiting ones included.
    pub fn jobs(&self, host: usize, model: usize) -> usize {
        self.host(host).map_or(0, |host| host.jobs(model))
    }

    /// Whether any job of a host works.
    pub fn is_busy(&self, host: usize) -> bool {
        self.host(host).is_some_and(Host::is_busy)
    }

    /// Seconds of work that a model's jobs have left there, at speed 1.
    pub fn left_s(&self, host: usize, model: usize) -> f64 {
        self.host(host).map_or(0.0, |host| host.left_s(nanos(self.now), model))
    }

    /// Share of a job's answer that is written, 0 to 1.
    pub fn written(&self, host: usize, job: u64) -> f64 {
        self.host(host).map_or(0.0, |host| host.written(nanos(self.now), job))
    }

    /// Seconds until every load is over that has begun or is asked for, evictions not counted.
    pub fn loader_s(&self, host: usize) -> f64 {
        self.host(host).map_or(0.0, |host| host.loader_s(nanos(self.now)))
    }

    /// Seconds that a model's load takes.
    pub fn load_s(&self, host: usize, model: usize) -> f64 {
        self.host(host).map_or(0.0, |host| host.load_s(model))
    }

    /// Bytes in memory, those of a load in progress included.
    pub fn used_bytes(&self, host: usize) -> f64 {
        self.host(host).map_or(0.0, Host::used_bytes)
    }

    /// Speed of a host, as it stands.
    pub fn speed(&self, host: usize) -> f64 {
        self.host(host).map_or(0.0, Host::speed)
    }

    /// Whether a load of the model would begin at once.
    pub fn can_load_now(&self, host: usize, model: usize) -> bool {
        self.host(host).is_some_and(|host| host.can_load_now(model))
    }

    /// How many times slower the model works there because it is larger than the host's memory.
    pub fn slowdown(&self, host: usize, model: usize) -> f64 {
        self.host(host).map_or(1.0, |host| host.slowdown(model))
    }
}

fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / 1e9
}

#[cfg(test)]
mod tests;
