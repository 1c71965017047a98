//! What a workflow without a router does: its model on the fastest host.

use super::at_once::{Arm, Rule, speed, usual_hosts};
use crate::virtual_time::truth::Truth;

pub(super) struct Static;

impl Rule for Static {
    fn choose(&mut self, truth: &Truth<'_>, job: usize, arms: &[Arm]) -> Option<Arm> {
        usual_hosts(truth, job, arms).max_by(|left, right| {
            speed(truth, left.0).total_cmp(&speed(truth, right.0)).then(right.0.cmp(&left.0))
        })
    }
}
