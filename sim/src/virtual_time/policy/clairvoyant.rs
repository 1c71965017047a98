//! The reference: for each of the oracle's five best arms it plays the true next arrivals under the oracle's rule, and takes the arm
//! with the least total latency.

use super::at_once::{Arm, Rule, accepted};
use super::oracle::ranked;
use crate::virtual_time::fleet::{Fleet, Happening};
use crate::virtual_time::truth::Truth;

/// Arms played.
const ARMS: usize = 5;
/// Arrivals played.
const ARRIVALS: usize = 20;
/// However bad it looks, no future is played further than this many seconds.
const HORIZON_S: f64 = 36_000.0;

pub(super) struct Clairvoyant;

impl Rule for Clairvoyant {
    fn choose(&mut self, truth: &Truth<'_>, job: usize, arms: &[Arm]) -> Option<Arm> {
        let best = ranked(truth, truth.fleet(), job, arms);
        best.iter()
            .take(ARMS)
            .map(|(_, arm)| (total_s(truth, truth.fleet().clone(), job, *arm), *arm))
            .min_by(|left, right| left.0.total_cmp(&right.0))
            .map(|(_, arm)| arm)
    }
}

/// Seconds that all jobs in the system and the next arrivals spend there, from now on.
fn total_s(truth: &Truth<'_>, mut fleet: Fleet, job: usize, arm: Arm) -> f64 {
    let now = truth.now();
    // Numbers beyond those of real calls: the played jobs.
    let first = truth.calls.len();
    let mut began = vec![now];
    fleet.submit(arm.0, arm.1, truth.work(first as u64, job, arm.1));
    for next in truth.jobs.iter().skip(job + 1).take(ARRIVALS) {
        fleet.advance(next.arrives);
        let arms: Vec<Arm> = accepted(truth, next.id).collect();
        let Some((_, (host, model))) = ranked(truth, &fleet, next.id, &arms).first().copied() else {
            continue;
        };
        fleet.submit(host, model, truth.work((first + began.len()) as u64, next.id, model));
        began.push(next.arrives);
    }
    fleet.advance(now + HORIZON_S);
    let mut total_s = 0.0;
    for happening in fleet.take_happened() {
        if let Happening::Finished { at, job } = happening {
            let since = (job as usize).checked_sub(first).and_then(|played| began.get(played));
            total_s += at - since.copied().unwrap_or(now);
        }
    }
    total_s
}
