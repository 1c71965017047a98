//! Decayed latency, moved up at once by a peak, times calls under way plus one; every arm that is good enough competes.
//! Source: tower's `PeakEwma` and linkerd's balancer; decay 30 s, which suits generations better than their 10 s.

use std::collections::BTreeMap;

use super::at_once::{Arm, Rule, connections};
use crate::virtual_time::job::Job;
use crate::virtual_time::truth::Truth;

const DECAY_S: f64 = 30.0;
/// The time an arm counts as taking before it was called: tower's default.
const UNKNOWN_S: f64 = 1.0;

#[derive(Default)]
pub(super) struct PeakEwma {
    latency: BTreeMap<Arm, (f64, f64)>,
}

impl Rule for PeakEwma {
    fn choose(&mut self, truth: &Truth<'_>, _job: usize, arms: &[Arm]) -> Option<Arm> {
        let cost = |arm: &Arm| {
            let latency = self.latency.get(arm).map_or(UNKNOWN_S, |(latency, _)| *latency);
            latency * (connections(truth, arm.0) + 1) as f64
        };
        arms.iter().copied().min_by(|left, right| cost(left).total_cmp(&cost(right)).then(left.cmp(right)))
    }

    fn answered(&mut self, now: f64, arm: Arm, seconds: f64, _job: &Job) {
        let (latency, at) = self.latency.entry(arm).or_insert((seconds, now));
        let kept = (-(now - *at) / DECAY_S).exp();
        *latency = if seconds > *latency { seconds } else { *latency * kept + seconds * (1.0 - kept) };
        *at = now;
    }
}
