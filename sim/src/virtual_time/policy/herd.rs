//! Points: a model in memory +50, one used within half an hour +30, a cold one +10; −10 for each call under way; up to +20 for
//! a host that has been fast.
//! Source: the scoring described in ollama-herd's README ("thermal state, queue depth, latency history").

use std::collections::BTreeMap;

use super::at_once::{Arm, Rule, connections, is_warm, usual_hosts};
use crate::virtual_time::job::Job;
use crate::virtual_time::truth::Truth;

const WARM_S: f64 = 1_800.0;

#[derive(Default)]
pub(super) struct Herd {
    used: BTreeMap<Arm, f64>,
    latency: BTreeMap<usize, f64>,
}

impl Herd {
    fn points(&self, truth: &Truth<'_>, arm: Arm) -> f64 {
        let used_lately = self.used.get(&arm).is_some_and(|at| truth.now() - at < WARM_S);
        let thermal = match (is_warm(truth, arm), used_lately) {
            (true, _) => 50.0,
            (false, true) => 30.0,
            (false, false) => 10.0,
        };
        let slow = self.latency.get(&arm.0).map_or(0.0, |seconds| seconds.min(20.0));
        thermal - 10.0 * connections(truth, arm.0) as f64 + 20.0 - slow
    }
}

impl Rule for Herd {
    fn choose(&mut self, truth: &Truth<'_>, job: usize, arms: &[Arm]) -> Option<Arm> {
        usual_hosts(truth, job, arms).max_by(|left, right| {
            self.points(truth, *left).total_cmp(&self.points(truth, *right)).then(right.cmp(left))
        })
    }

    fn answered(&mut self, now: f64, arm: Arm, seconds: f64, _job: &Job) {
        self.used.insert(arm, now);
        let mean = self.latency.entry(arm.0).or_insert(seconds);
        *mean += 0.2 * (seconds - *mean);
    }
}
