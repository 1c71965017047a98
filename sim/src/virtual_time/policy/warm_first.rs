//! A host that has the model in memory, whatever its load; otherwise the one with the fewest calls.
//! Source: the rule asked for in thushan/olla#166.

use super::at_once::{Arm, Rule, is_warm, usual_hosts};
use super::least_connections::fewest;
use crate::virtual_time::truth::Truth;

pub(super) struct WarmFirst;

impl Rule for WarmFirst {
    fn choose(&mut self, truth: &Truth<'_>, job: usize, arms: &[Arm]) -> Option<Arm> {
        let warm = usual_hosts(truth, job, arms).filter(|arm| is_warm(truth, *arm));
        fewest(truth, warm).or_else(|| fewest(truth, usual_hosts(truth, job, arms)))
    }
}
