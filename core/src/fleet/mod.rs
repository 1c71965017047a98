//! What is believed about the hosts: their models, what is loaded, how fast they are, how they feel.

mod breaker;
mod device;
pub(crate) mod dynamics;
mod host;
mod inquiries;
mod memory;
mod model;
mod own_settings;
mod pace;
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
pub(crate) use prompt_cache::{PromptCache, fingerprints};
pub(crate) use rates::{PRIOR_LOAD_BYTES_PER_S, Rates, load_rates};
pub(crate) use signals::{SignalReading, Signals};

use crate::config::Config;
use crate::event::Sample;
use crate::learn::LogMean;
use crate::names::{HostId, Millis};

/// A host with this many observations needs no other's.
const WELL_KNOWN: f64 = 3.0;

/// Every host, in the order of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    pub(crate) hosts: Vec<Host>,
}

impl Fleet {
    pub(crate) fn new(config: &Config) -> Self {
        let mut hosts: Vec<Host> = config.hosts.iter().cloned().map(Host::new).collect();
        let instances: Vec<Option<String>> = config.hosts.iter().map(|host| host.instance.clone()).collect();
        for (position, host) in hosts.iter_mut().enumerate() {
            let same = |(other, instance): &(usize, &Option<String>)| {
                *other != position && instance.is_some() && **instance == host.config.instance
            };
            host.place = config.hosts.iter().filter(|other| other.id < host.config.id).count();
            host.neighbours = instances.iter().enumerate().filter(same).map(|(other, _)| other).collect();
        }
        Self { hosts }
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
