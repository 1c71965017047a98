//! What a policy is worth: latency, success, loads, and regret.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::job::Ended;
use super::trace::Row;

/// A job without an answer counts as one that took at least this long.
const FAILED_S: f64 = 300.0;

/// One policy on one seed, as it went.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) jobs: usize,
    pub(crate) ended: Vec<Ended>,
    pub(crate) loads: u64,
    pub(crate) evictions: u64,
    pub(crate) resident_gb_s: f64,
    pub(crate) idle_gb_s: f64,
    pub(crate) unloads: u64,
    pub(crate) prewarms: u64,
    pub(crate) starts: u64,
    pub(crate) stops: u64,
    /// Requests of each class, and those of them that found their model in memory.
    pub(crate) warm: BTreeMap<String, (usize, usize)>,
    pub(crate) rows: Vec<Row>,
}

impl Run {
    /// Seconds of every job, in order; failed and lost ones at their price.
    fn seconds(&self) -> impl Iterator<Item = f64> {
        let price = |ended: &Ended| if ended.answered { ended.seconds } else { ended.seconds.max(FAILED_S) };
        let lost = self.jobs - self.ended.len();
        self.ended.iter().map(price).chain(std::iter::repeat_n(FAILED_S, lost))
    }

    fn mean_s(&self) -> f64 {
        self.seconds().sum::<f64>() / self.jobs.max(1) as f64
    }
}

/// A policy over all seeds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Measures {
    /// The policy.
    pub name: String,
    /// Mean seconds from arrival to answer; a job without one counts at least 300 s.
    pub mean_s: f64,
    /// Standard deviation of the seeds' means.
    pub sd_s: f64,
    /// Median over all jobs.
    pub p50_s: f64,
    /// 95th percentile over all jobs.
    pub p95_s: f64,
    /// 99th percentile over all jobs.
    pub p99_s: f64,
    /// Share of jobs answered.
    pub success: f64,
    /// Model loads in a run, on average.
    pub loads: f64,
    /// Models that left memory in a run, on average.
    pub evictions: f64,
    /// Gigabytes of models in memory times hours, in a run, on average.
    pub resident_gb_hours: f64,
    /// The part of it in which nobody used them.
    pub idle_gb_hours: f64,
    /// Models that were told to leave in a run, on average.
    pub unloads: f64,
    /// Models loaded before anybody asked them in a run, on average.
    pub prewarms: f64,
    /// Hosts started in a run, on average.
    pub starts: f64,
    /// Hosts stopped in a run, on average.
    pub stops: f64,
    /// Share of the requests of each class that found their model in memory.
    pub warm_share: BTreeMap<String, f64>,
    /// Mean ÷ the clairvoyant's mean on the same seeds − 1.
    pub regret: f64,
}

/// All policies on one scenario.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Its name.
    pub scenario: String,
    /// The seeds played.
    pub seeds: Vec<u64>,
    /// In the order asked for.
    pub policies: Vec<Measures>,
    /// Every request of every run, by policy and seed.
    #[serde(skip)]
    pub rows: Vec<Row>,
}

impl Measures {
    pub(crate) fn of(name: &str, runs: &[&Run], reference: &[&Run]) -> Self {
        let count = runs.len().max(1) as f64;
        let of_seeds: Vec<f64> = runs.iter().map(|run| run.mean_s()).collect();
        let mean_s = of_seeds.iter().sum::<f64>() / count;
        let squares = of_seeds.iter().map(|mean| (mean - mean_s).powi(2)).sum::<f64>();
        let best_s = reference.iter().map(|run| run.mean_s()).sum::<f64>() / reference.len().max(1) as f64;
        let mut seconds: Vec<f64> = runs.iter().flat_map(|run| run.seconds()).collect();
        seconds.sort_by(f64::total_cmp);
        let jobs: usize = runs.iter().map(|run| run.jobs).sum();
        let answered = runs.iter().flat_map(|run| &run.ended).filter(|ended| ended.answered).count();
        let average = |of: fn(&Run) -> f64| runs.iter().map(|run| of(run)).sum::<f64>() / count;
        Self {
            name: name.to_owned(),
            mean_s,
            sd_s: (squares / (count - 1.0).max(1.0)).sqrt(),
            p50_s: quantile(&seconds, 0.5),
            p95_s: quantile(&seconds, 0.95),
            p99_s: quantile(&seconds, 0.99),
            success: answered as f64 / jobs.max(1) as f64,
            loads: average(|run| run.loads as f64),
            evictions: average(|run| run.evictions as f64),
            resident_gb_hours: average(|run| run.resident_gb_s / 3_600.0),
            idle_gb_hours: average(|run| run.idle_gb_s / 3_600.0),
            unloads: average(|run| run.unloads as f64),
            prewarms: average(|run| run.prewarms as f64),
            starts: average(|run| run.starts as f64),
            stops: average(|run| run.stops as f64),
            warm_share: warm_share(runs),
            regret: mean_s / best_s.max(1e-9) - 1.0,
        }
    }
}

/// Warm requests ÷ requests, by class.
fn warm_share(runs: &[&Run]) -> BTreeMap<String, f64> {
    let mut all: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (class, (requests, warm)) in runs.iter().flat_map(|run| &run.warm) {
        let entry = all.entry(class.clone()).or_default();
        *entry = (entry.0 + requests, entry.1 + warm);
    }
    all.into_iter().map(|(class, (requests, warm))| (class, warm as f64 / requests.max(1) as f64)).collect()
}

/// The value at a share of a sorted list.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(position).copied().unwrap_or(0.0)
}
