//! What is believed about the hosts: their models, what is loaded, how fast they are, how they feel.

mod breaker;
pub mod dynamics;
mod host;
mod memory;
mod model;
mod signals;

pub(crate) use breaker::Breaker;
pub(crate) use host::{Contact, Host};
pub(crate) use model::{Model, Residency};
pub(crate) use signals::{SignalReading, Signals};

use crate::config::Config;
use crate::event::Sample;
use crate::names::{HostId, Millis};

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
            host.neighbours = instances.iter().enumerate().filter(same).map(|(other, _)| other).collect();
        }
        Self { hosts }
    }

    pub(crate) fn host_mut(&mut self, id: &HostId) -> Option<&mut Host> {
        self.hosts.iter_mut().find(|host| host.config.id == *id)
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
