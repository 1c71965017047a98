//! `LiteLLM`'s router: each class is a model group, its deployments being every arm that is good enough, in the fleet's order.
//! Source: BerriAI/litellm 1.106, `litellm/router_strategy/lowest_latency.py` and `least_busy.py`; run beside the real
//! router in `bench/peers`.

use std::collections::{BTreeMap, VecDeque};

use super::at_once::{Arm, Rule};
use crate::random::Random;
use crate::virtual_time::job::Job;
use crate::virtual_time::truth::Truth;

/// Latencies kept for each deployment (`max_latency_list_size`).
const KEPT: usize = 10;

/// Seconds for each token, latest last, of a group's deployments.
type Group = BTreeMap<Arm, VecDeque<f64>>;

/// `latency-based-routing`: the lowest mean of a group's last latencies, each divided by the answer's tokens; ties are
/// drawn. A deployment not yet tried counts as zero, and once its group has an answer that zero is kept as its first sample.
pub(super) struct Latency {
    groups: BTreeMap<usize, Group>,
    random: Random,
}

impl Latency {
    pub(super) fn new(seed: u64) -> Self {
        Self { groups: BTreeMap::new(), random: Random::from_parts(seed, &["litellm-latency"]) }
    }
}

fn mean(group: &Group, arm: Arm) -> f64 {
    let Some(kept) = group.get(&arm) else { return 0.0 };
    kept.iter().sum::<f64>() / kept.len().max(1) as f64
}

impl Rule for Latency {
    fn choose(&mut self, truth: &Truth<'_>, job: usize, arms: &[Arm]) -> Option<Arm> {
        let class = truth.jobs.get(job)?.class;
        let Some(group) = self.groups.get_mut(&class) else { return self.random.pick(arms).copied() };
        for arm in arms {
            group.entry(*arm).or_insert_with(|| VecDeque::from([0.0]));
        }
        let least = arms.iter().map(|arm| mean(group, *arm)).fold(f64::INFINITY, f64::min);
        let best: Vec<Arm> = arms.iter().copied().filter(|arm| mean(group, *arm) <= least).collect();
        self.random.pick(&best).copied()
    }

    fn answered(&mut self, _now: f64, arm: Arm, seconds: f64, job: &Job) {
        let kept = self.groups.entry(job.class).or_default().entry(arm).or_default();
        kept.push_back(seconds / job.output_tokens.max(1.0));
        if kept.len() > KEPT {
            kept.pop_front();
        }
    }
}

/// `least-busy`: the deployment with the fewest of its group's calls under way, the first one on a tie.
pub(super) struct LeastBusy;

impl Rule for LeastBusy {
    fn choose(&mut self, truth: &Truth<'_>, job: usize, arms: &[Arm]) -> Option<Arm> {
        let class_of = |job: usize| truth.jobs.get(job).map(|job| job.class);
        let class = class_of(job);
        let mut under_way: BTreeMap<Arm, usize> = BTreeMap::new();
        for call in truth.calls.iter().filter(|call| !call.over && class_of(call.job) == class) {
            *under_way.entry((call.host, call.model)).or_default() += 1;
        }
        arms.iter().copied().min_by_key(|arm| under_way.get(arm).copied().unwrap_or_default())
    }
}
