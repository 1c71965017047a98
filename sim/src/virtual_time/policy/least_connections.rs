//! Olla's default balancer: among the endpoints that have the model, the one with the fewest calls under way.
//! Source: thushan/olla, `docs/content/concepts/load-balancing.md`. Ties go to the faster host, which its priorities would say.

use super::at_once::{Arm, Rule, connections, speed, usual_hosts};
use crate::virtual_time::truth::Truth;

pub(super) struct LeastConnections;

impl Rule for LeastConnections {
    fn choose(&mut self, truth: &Truth<'_>, job: usize, arms: &[Arm]) -> Option<Arm> {
        fewest(truth, usual_hosts(truth, job, arms))
    }
}

pub(super) fn fewest(truth: &Truth<'_>, arms: impl Iterator<Item = Arm>) -> Option<Arm> {
    arms.min_by(|left, right| {
        connections(truth, left.0)
            .cmp(&connections(truth, right.0))
            .then_with(|| speed(truth, right.0).total_cmp(&speed(truth, left.0)))
            .then(left.0.cmp(&right.0))
    })
}
