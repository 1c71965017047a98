//! `LiteLLM`'s router: every arm that is good enough is a deployment of one model group.
//! Source: BerriAI/litellm, `litellm/router_strategy/lowest_latency.py` and `least_busy.py`.

use std::collections::{BTreeMap, VecDeque};

use super::at_once::{Arm, Rule};
use crate::random::Random;
use crate::virtual_time::truth::Truth;

/// Latencies kept for each deployment (`max_latency_list_size`).
const KEPT: usize = 10;

/// `latency-based-routing`: the lowest mean of the last latencies, each divided by the answer's tokens; an unknown
/// deployment counts as zero, ties are drawn.
pub(super) struct Latency {
    seconds_per_token: BTreeMap<Arm, VecDeque<f64>>,
    random: Random,
}

impl Latency {
    pub(super) fn new(seed: u64) -> Self {
        Self { seconds_per_token: BTreeMap::new(), random: Random::from_parts(seed, &["litellm-latency"]) }
    }

    fn mean(&self, arm: Arm) -> f64 {
        let Some(kept) = self.seconds_per_token.get(&arm) else { return 0.0 };
        kept.iter().sum::<f64>() / kept.len().max(1) as f64
    }
}

impl Rule for Latency {
    fn choose(&mut self, _truth: &Truth<'_>, _job: usize, arms: &[Arm]) -> Option<Arm> {
        let least = arms.iter().map(|arm| self.mean(*arm)).fold(f64::INFINITY, f64::min);
        let best: Vec<Arm> = arms.iter().copied().filter(|arm| self.mean(*arm) <= least).collect();
        self.random.pick(&best).copied()
    }

    fn answered(&mut self, _now: f64, arm: Arm, seconds: f64, output_tokens: f64) {
        let kept = self.seconds_per_token.entry(arm).or_default();
        kept.push_back(seconds / output_tokens.max(1.0));
        if kept.len() > KEPT {
            kept.pop_front();
        }
    }
}

/// `least-busy`: the deployment with the fewest calls under way, ties drawn.
pub(super) struct LeastBusy {
    random: Random,
}

impl LeastBusy {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::from_parts(seed, &["litellm-least-busy"]) }
    }
}

impl Rule for LeastBusy {
    fn choose(&mut self, truth: &Truth<'_>, _job: usize, arms: &[Arm]) -> Option<Arm> {
        let calls = |arm: &Arm| truth.dynamics().jobs(arm.0, arm.1);
        let least = arms.iter().map(calls).min()?;
        let best: Vec<Arm> = arms.iter().copied().filter(|arm| calls(arm) == least).collect();
        self.random.pick(&best).copied()
    }
}
