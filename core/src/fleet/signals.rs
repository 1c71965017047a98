//! Measured facts of one host, each with the time it was measured.

use std::collections::BTreeMap;

use crate::event::{Sample, SignalName};
use crate::names::Millis;

/// The last value of each signal and when it was measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    samples: BTreeMap<SignalName, (f64, Millis)>,
}

/// One signal as it stands now.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct SignalReading {
    pub(crate) signal: SignalName,
    pub(crate) value: f64,
    pub(crate) age_ms: u64,
    pub(crate) stale: bool,
}

impl Signals {
    pub(crate) fn take(&mut self, now: Millis, sample: &Sample) {
        let plausible = match sample.signal {
            SignalName::CpuBusyRatio => (-0.01..=1.01).contains(&sample.value),
            SignalName::MemoryAvailableBytes
            | SignalName::MemoryTotalBytes
            | SignalName::ContainerMemoryBytes
            | SignalName::ContainerMemoryLimitBytes => (0.0..1e18).contains(&sample.value),
        };
        if !plausible {
            return;
        }
        let value = sample.value.max(0.0);
        let measured = Millis(now.0.saturating_sub(sample.age_ms));
        let newest = self.samples.get(&sample.signal).map_or(Millis(0), |(_, at)| *at);
        if measured >= newest {
            self.samples.insert(sample.signal, (value, measured));
        }
    }

    /// Every signal ever seen, stale ones included.
    pub(crate) fn readings(
        &self,
        now: Millis,
        stale_after_ms: u64,
    ) -> impl Iterator<Item = SignalReading> + '_ {
        self.samples.iter().map(move |(signal, (value, at))| {
            let age_ms = now.since(*at);
            SignalReading { signal: *signal, value: *value, age_ms, stale: age_ms > stale_after_ms }
        })
    }

    /// Whether the signal was ever seen.
    pub(crate) fn knows(&self, signal: SignalName) -> bool {
        self.samples.contains_key(&signal)
    }

    /// Whether any signal ever seen is stale.
    pub(crate) fn any_stale(&self, now: Millis, stale_after_ms: u64) -> bool {
        self.samples.values().any(|(_, at)| now.since(*at) > stale_after_ms)
    }

    /// A value that is not stale. Stale means unknown, never idle.
    pub(crate) fn fresh(&self, now: Millis, stale_after_ms: u64, signal: SignalName) -> Option<f64> {
        let (value, at) = self.samples.get(&signal)?;
        (now.since(*at) <= stale_after_ms).then_some(*value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(value: f64, age_ms: u64) -> Sample {
        Sample { instance: "pc".into(), signal: SignalName::CpuBusyRatio, value, age_ms }
    }

    #[test]
    fn hostile_values_never_get_in() {
        let mut signals = Signals::default();
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -5.0, 1e300] {
            signals.take(Millis(1_000), &sample(value, 0));
        }
        assert_eq!(signals.readings(Millis(1_000), 45_000).count(), 0);
    }

    #[test]
    fn an_old_sample_never_replaces_a_newer_one_and_goes_stale() {
        let mut signals = Signals::default();
        signals.take(Millis(100_000), &sample(0.5, 0));
        signals.take(Millis(100_000), &sample(0.9, 60_000));
        assert_eq!(signals.fresh(Millis(100_000), 45_000, SignalName::CpuBusyRatio), Some(0.5));
        assert_eq!(signals.fresh(Millis(145_001), 45_000, SignalName::CpuBusyRatio), None);
    }
}
