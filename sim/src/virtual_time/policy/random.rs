//! Any arm that is good enough.

use super::at_once::{Arm, Rule};
use crate::random::Random;
use crate::virtual_time::truth::Truth;

pub(super) struct Any(Random);

impl Any {
    pub(super) fn new(seed: u64) -> Self {
        Self(Random::from_parts(seed, &["random"]))
    }
}

impl Rule for Any {
    fn choose(&mut self, _truth: &Truth<'_>, _job: usize, arms: &[Arm]) -> Option<Arm> {
        self.0.pick(arms).copied()
    }
}
