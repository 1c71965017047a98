//! Families of the client library with labels given as pairs, and the names they are shown by.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::{Metric, Registry, Unit};
use smart_ai_core::Arm;

/// Name and value of each label.
pub(super) type Labels = Vec<(&'static str, String)>;
pub(super) type Counts = Series<Counter>;
pub(super) type Sums = Series<Counter<f64, AtomicU64>>;
pub(super) type Levels = Series<Gauge>;
pub(super) type Values = Series<Gauge<f64, AtomicU64>>;
pub(super) type Spreads = Series<Histogram, fn() -> Histogram>;

/// A family that knows its series, so that those of a model that is gone can be dropped.
#[derive(Clone, Debug)]
pub(super) struct Series<M, C = fn() -> M> {
    family: Family<Labels, M, C>,
    known: Arc<Mutex<BTreeSet<Labels>>>,
}

impl<M: Default> Default for Series<M> {
    fn default() -> Self {
        Self::made_by(M::default)
    }
}

impl<M, C> Series<M, C> {
    fn made_by(make: C) -> Self {
        Self { family: Family::new_with_constructor(make), known: Arc::default() }
    }
}

impl<M, C: MetricConstructor<M>> Series<M, C> {
    /// The metric of these labels.
    pub(super) fn get_or_create(&self, labels: &Labels) -> impl Deref<Target = M> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(labels) {
            known.insert(labels.clone());
        }
        self.family.get_or_create(labels)
    }

    /// The metric of these labels, where there is one.
    pub(super) fn get(&self, labels: &Labels) -> Option<impl Deref<Target = M>> {
        self.family.get(labels)
    }

    /// Drops every series of an arm.
    pub(super) fn forget(&self, arm: &Arm) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|labels| {
            let of_arm = is_of(labels, arm);
            if of_arm {
                self.family.remove(labels);
            }
            !of_arm
        });
    }
}

/// Whether a series tells of an arm: by its host and model, or by an end of a fallback.
fn is_of(labels: &Labels, arm: &Arm) -> bool {
    let (host, model) = (arm.host.as_str(), arm.model.as_str());
    let has = |names: [&str; 2], value: &str| {
        labels.iter().any(|(name, text)| names.contains(name) && text == value)
    };
    (has(["host", "server_address"], host) && has(["model", "gen_ai_response_model"], model))
        || has(["from", "to"], &format!("{model}@{host}"))
}

impl<M, C> EncodeMetric for Series<M, C>
where
    M: EncodeMetric + TypedMetric,
    C: MetricConstructor<M>,
{
    fn encode(&self, encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.family.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }
}

/// Buckets of the seconds of a request or a part of it: cold loads take minutes.
const SECONDS: [f64; 16] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];
/// Buckets of the time to the first token: OpenTelemetry's, and on to ten minutes.
const FIRST_TOKEN: [f64; 21] = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0,
    120.0, 300.0, 600.0,
];
/// Buckets of the time for one token: OpenTelemetry's, and finer ones below.
const TOKEN: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];
/// Buckets of the time of a whole operation: OpenTelemetry's, and on to eleven minutes.
const OPERATION: [f64; 17] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68,
    655.36,
];
/// Buckets of token counts: OpenTelemetry's.
const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// Buckets of a decision's computing time, in seconds.
const COMPUTING: [f64; 10] = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25];
const RATIO: [f64; 8] = [0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 5.0];

pub(super) fn seconds() -> Spreads {
    Series::made_by(|| Histogram::new(SECONDS))
}

pub(super) fn first_token() -> Spreads {
    Series::made_by(|| Histogram::new(FIRST_TOKEN))
}

pub(super) fn per_token() -> Spreads {
    Series::made_by(|| Histogram::new(TOKEN))
}

pub(super) fn operation() -> Spreads {
    Series::made_by(|| Histogram::new(OPERATION))
}

pub(super) fn tokens() -> Spreads {
    Series::made_by(|| Histogram::new(TOKENS))
}

pub(super) fn computing() -> Spreads {
    Series::made_by(|| Histogram::new(COMPUTING))
}

pub(super) fn ratio() -> Spreads {
    Series::made_by(|| Histogram::new(RATIO))
}

/// Pairs as labels.
pub(super) fn labels<const N: usize>(pairs: [(&'static str, &str); N]) -> Labels {
    pairs.map(|(name, value)| (name, value.to_owned())).into()
}

/// Shows a metric by its whole name.
pub(super) fn register(registry: &mut Registry, name: &str, help: &str, metric: impl Metric) {
    match unit_of(name.strip_suffix("_total").unwrap_or(name)) {
        (stem, Some(unit)) => registry.register_with_unit(stem, help, unit, metric),
        (name, None) => registry.register(name, help, metric),
    }
}

/// A name without its unit, which the library writes behind it again, as `OpenMetrics` wants.
fn unit_of(name: &str) -> (&str, Option<Unit>) {
    let tokens = Unit::Other("tokens".to_owned());
    let units = [("_seconds", Unit::Seconds), ("_bytes", Unit::Bytes), ("_tokens", tokens)];
    let found = units.into_iter().find_map(|(ending, unit)| Some((name.strip_suffix(ending)?, unit)));
    found.map_or((name, None), |(stem, unit)| (stem, Some(unit)))
}

/// Gauges that are read off where a scrape asks for them.
pub(super) trait Readings: std::fmt::Debug + Send + Sync + 'static {
    /// Each gauge: its name, its words, and its values.
    fn read(&self) -> Vec<Reading>;
}

/// One gauge.
pub(super) struct Reading {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) values: Vec<(Labels, f64)>,
}

/// Shows readings.
#[derive(Debug)]
pub(super) struct Shown<T>(pub(super) T);

impl<T: Readings> Collector for Shown<T> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for Reading { name, help, values } in self.0.read() {
            if values.is_empty() {
                continue;
            }
            let (stem, unit) = unit_of(name);
            let mut metric = encoder.encode_descriptor(stem, help, unit.as_ref(), MetricType::Gauge)?;
            for (labels, value) in values {
                ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_of_an_arm_is_forgotten_and_nothing_else() {
        let counts = Counts::default();
        let of = |pairs: [(&'static str, &str); 2]| labels(pairs);
        let gone = [
            of([("host", "pc"), ("model", "m")]),
            of([("gen_ai_response_model", "m"), ("server_address", "pc")]),
            of([("from", "m@pc"), ("to", "m@nas")]),
        ];
        let kept = [of([("host", "nas"), ("model", "m")]), of([("host", "pc"), ("model", "n")])];
        for labels in gone.iter().chain(&kept) {
            counts.get_or_create(labels).inc();
        }
        counts.forget(&Arm { host: "pc".into(), model: "m".into() });
        assert!(gone.iter().all(|labels| counts.get(labels).is_none()));
        assert!(kept.iter().all(|labels| counts.get(labels).is_some_and(|count| count.get() == 1)));
    }
}
