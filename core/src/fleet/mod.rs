//! What is believed about the hosts: their models, what is loaded, how fast they are, how they feel.

mod breaker;
mod device;
pub(crate) mod dynamics;
mod host;
mod inquiries;
mod look;
mod memory;
mod model;
mod own_settings;
mod pace;
mod power;
mod prompt_cache;
mod rates;
mod signals;

pub(crate) use breaker::Breaker;
pub use device::Device;
pub(crate) use device::gpu_share;
pub(crate) use host::{
    Contact, DEFAULT_KEEP_ALIVE_S, Host, OWN_BUSY_MEMORY_S, RETURN_MS, Remembered, Typical,
};
pub(crate) use inquiries::{Inquiries, Interest};
pub(crate) use model::{Model, Residency};
pub(crate) use own_settings::{OwnKeepAlive, OwnSettings};
pub(crate) use pace::Pace;
pub(crate) use power::{Power, PowerPhase};
pub(crate) use prompt_cache::{PromptCache, fingerprints};
pub(crate) use rates::{PRIOR_LOAD_BYTES_PER_S, Rates, load_rates};
pub(crate) use signals::{SignalReading, Signals};

use crate::config::Config;
use crate::event::Sample;
use crate::learn::{Beside, LogMean, are_together, usual};
use crate::lifecycle::LifecycleMode;
use crate::names::{HostId, Millis};
use crate::number::Between as _;

/// Observations after which a host no longer needs those of the others.
const WELL_KNOWN: f64 = 3.0;

/// Every host, in the order of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    pub(crate) hosts: Vec<Host>,
}

impl Fleet {
    pub(crate) fn new(config: &Config) -> Self {
        let mut hosts: Vec<Host> = config.hosts.iter().cloned().map(Host::new).collect();
        let starts = config.lifecycle.mode == LifecycleMode::On;
        for host in &mut hosts {
            host.power.may_start = starts && host.config.start.is_some();
            host.place = config.hosts.iter().filter(|other| other.id < host.config.id).count();
        }
        let mut fleet = Self { hosts };
        for position in 0..fleet.hosts.len() {
            fleet.settle_machines(position);
        }
        fleet
    }

    /// Whether two servers are on one machine, where their owner tells.
    fn told_together(&self, one: usize, other: usize) -> Option<bool> {
        let machine = |position: usize| self.hosts.get(position)?.config.machine.as_deref();
        Some(machine(one)? == machine(other)?)
    }

    /// Works out anew who shares a machine with this host: as told, else as their answers slow one another.
    pub(crate) fn settle_machines(&mut self, position: usize) {
        let before = |one: usize, other: usize| {
            self.hosts.get(one).is_some_and(|host| host.neighbours.contains(&other))
        };
        let together = |other: usize| {
            let learned = || are_together(self.mutual(position, other), before(position, other));
            other != position && self.told_together(position, other).unwrap_or_else(learned)
        };
        let neighbours: Vec<usize> = (0..self.hosts.len()).filter(|other| together(*other)).collect();
        for (other, host) in self.hosts.iter_mut().enumerate() {
            host.neighbours.retain(|neighbour| *neighbour != position);
            if neighbours.contains(&other) {
                host.neighbours.push(position);
                host.neighbours.sort_unstable();
            }
        }
        if let Some(host) = self.hosts.get_mut(position) {
            host.neighbours = neighbours;
        }
    }

    /// By how much two servers slow each other, both ways.
    fn mutual(&self, one: usize, other: usize) -> f64 {
        let slowed = |one: usize, by: usize| self.hosts.get(one).map_or(0.0, |host| host.slowing.by(by));
        slowed(one, other).min(slowed(other, one))
    }

    /// What each other server did in these seconds; `since`: the seconds each host had worked when they began. Servers of which
    /// the owner tells what machine they are on count for nothing.
    pub(crate) fn beside(&self, position: usize, since: &[f64], seconds: f64) -> Vec<Beside> {
        let neighbours = self.hosts.get(position).map_or(&[][..], |host| &host.neighbours);
        let mut beside = Vec::with_capacity(self.hosts.len());
        for (other, host) in self.hosts.iter().enumerate() {
            let told = other == position || self.told_together(position, other).is_some();
            let worked_s = since.get(other).map_or(0.0, |then| host.worked_s - then);
            let share = if told || seconds <= 0.0 { 0.0 } else { (worked_s / seconds).between(0.0, 1.0) };
            let (counted, mutual) = (neighbours.contains(&other), self.mutual(position, other));
            beside.push(Beside { share, counted, mutual });
        }
        beside
    }

    pub(crate) fn host_mut(&mut self, id: &HostId) -> Option<&mut Host> {
        self.hosts.iter_mut().find(|host| host.config.id == *id)
    }

    /// Lets hosts that little is known of learn from the others: an unknown host is a typical one.
    pub(crate) fn share_experience(&mut self) {
        let typical = Typical {
            decode: self.typical(|host| (&host.decode_speed, host.device.factor())),
            prefill: self.typical(|host| (&host.prefill_speed, host.device.factor())),
            load: self.typical(|host| (&host.load_speed, 1.0)),
        };
        for host in &mut self.hosts {
            if host.decode_speed.weight < WELL_KNOWN || host.load_speed.weight < WELL_KNOWN {
                host.typical = typical;
                host.estimate();
            }
        }
        for device in [Device::Unknown, Device::Cpu, Device::Gpu] {
            let of_kind = || self.hosts.iter().filter(|host| host.device == device);
            let sharing = usual(of_kind().map(|host| host.sharing));
            let batching = usual(of_kind().map(|host| host.batching));
            for host in self.hosts.iter_mut().filter(|host| host.device == device) {
                host.sharing.suppose(sharing);
                host.batching.suppose(batching);
            }
        }
    }

    /// The geometric mean of what is learned of the hosts, each against the factor of its class.
    fn typical(&self, of: impl Fn(&Host) -> (&LogMean, f64)) -> f64 {
        let (mut sum, mut weights) = (0.0, 0.0);
        for (mean, factor) in self.hosts.iter().map(of) {
            let weight = mean.weight.min(WELL_KNOWN);
            sum += weight * (mean.mean_ln - libm::log(factor));
            weights += weight;
        }
        if weights > 0.0 { libm::exp(sum / weights) } else { 1.0 }
    }

    /// Hands each sample to the hosts of its instance.
    pub(crate) fn take_samples(&mut self, now: Millis, samples: &[Sample], stale_after_ms: u64) {
        for host in &mut self.hosts {
            for sample in samples {
                if host.is_instance(&sample.instance) {
                    host.signals.take(now, sample);
                }
            }
            host.tell_foreign_load(now, stale_after_ms);
        }
    }
}
