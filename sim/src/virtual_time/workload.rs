//! The jobs of a run: the same for every policy that plays the seed.

use super::draws::{gap, sized};
use super::job::Job;
use super::scenario::Scenario;
use super::weeks;
use crate::random::Random;

/// Draws every job of a run.
pub(crate) fn jobs(scenario: &Scenario, seed: u64) -> Vec<Job> {
    if !scenario.patterns.is_empty() {
        return weeks::jobs(scenario, seed);
    }
    // Arrivals, classes and sizes have a sequence each, so that a change of one leaves the others alone.
    let sequence = |name| Random::from_parts(seed, &[name]);
    let (mut times, mut classes) = (sequence("arrivals"), sequence("classes"));
    let (mut sizes, mut noises) = (sequence("sizes"), sequence("noise"));
    let total: f64 = scenario.classes.iter().map(|class| class.share).sum();
    let mut now = 0.0;
    (0..scenario.requests)
        .map(|id| {
            if id.is_multiple_of(scenario.arrivals.batch) {
                now += gap(&mut times, scenario.arrivals.per_s, scenario.arrivals.cv);
            }
            let mut left = classes.unit() * total;
            let picked = scenario.classes.iter().position(|class| {
                left -= class.share;
                left < 0.0
            });
            let class = picked.unwrap_or(scenario.classes.len() - 1);
            sized(scenario, id, now, class, &mut sizes, &mut noises)
        })
        .collect()
}
