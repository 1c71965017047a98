//! True state, sizes and rates: the arm where this job's completion and the delay it causes others are least.

use super::at_once::{Arm, Rule};
use crate::virtual_time::fleet::{Fleet, RunnerState, Work};
use crate::virtual_time::truth::Truth;

pub(super) struct Oracle;

impl Rule for Oracle {
    fn choose(&mut self, truth: &Truth<'_>, job: usize, arms: &[Arm]) -> Option<Arm> {
        ranked(truth, truth.fleet(), job, arms).first().map(|(_, arm)| *arm)
    }
}

/// The arms by true cost, best first; hosts that do not answer or move are left out.
pub(super) fn ranked(truth: &Truth<'_>, fleet: &Fleet, job: usize, arms: &[Arm]) -> Vec<(f64, Arm)> {
    let models = truth.scenario.models.len();
    let mut costs: Vec<(f64, Arm)> = arms
        .iter()
        .filter(|(host, _)| truth.is_up(*host) && fleet.speed(*host) > 0.0)
        .map(|arm| (cost_s(fleet, *arm, truth.work(0, job, arm.1), models), *arm))
        .collect();
    costs.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
    costs
}

/// Load + queue + work + twice what other runners and this job take from each other, in seconds.
fn cost_s(fleet: &Fleet, (host, model): Arm, work: Work, models: usize) -> f64 {
    let speed = fleet.speed(host);
    let own_s = (work.prefill_s + work.decode_s) * fleet.slowdown(host, model) / speed;
    let left_s = |model| fleet.left_s(host, model) / speed;
    let busy = (0..models).map(left_s).fold(0.0, f64::max);
    let load_s = match fleet.state(host, model) {
        RunnerState::Loaded => 0.0,
        RunnerState::Loading | RunnerState::Waiting => fleet.loader_s(host),
        RunnerState::Cold => {
            let drain_s = if fleet.can_load_now(host, model) { 0.0 } else { busy };
            fleet.loader_s(host).max(drain_s) + fleet.load_s(host, model)
        }
    };
    let until_s = left_s(model) + own_s;
    let others = (0..models).filter(|other| *other != model).map(left_s);
    let shared_s: f64 = others.map(|left| (left - load_s).max(0.0).min(until_s)).sum();
    load_s + until_s + 2.0 * shared_s
}
