//! Looking ahead: where a choice is contested, sampled futures are played through on the fleet as it is believed to be.
//!
//! Each future draws what is unknown: the answers still to come, the next requests, their kinds and sizes. Every choice plays
//! the same futures; a choice whose arm is busy is to wait for it, and where the score would let others go first, to begin at
//! once is a choice too. The score's choice stands unless another one ends the jobs of all callers sooner, what their answers
//! lack in quality counted as in the score, by more than a standard error of the paired difference and a share of the loading it asks
//! for. The effort is counted in futures and arrivals, never in computing time.

mod belief;
mod future;
mod outlook;
mod rollout;

use crate::policy::plan::Plan;
use crate::policy::rank::Ranked;
use crate::policy::score::Scored;
use crate::policy::view::View;
use crate::random::Random;
use crate::request::Request;

use belief::Belief;
use future::Future;
use outlook::Choice;
use rollout::Rollout;

pub(crate) use outlook::{CallView, Outlook};

/// Arms played, the score's choice included.
const ARMS: usize = 4;
/// Futures drawn at most.
const FUTURES: usize = 32;
/// Futures after which a choice may be clear.
const LEAST_FUTURES: usize = 6;
/// Standard errors by which another choice must be better.
const GATE: f64 = 1.0;
/// Standard errors beyond which more futures would hardly change what is thought of a choice.
const CLEAR: f64 = 2.0;
/// Seconds that a choice must gain for each second of loading that it takes more than the score's choice.
const LOADING: f64 = 0.3;
/// A choice is contested if the second-best score is at most this factor times the best plus these seconds, quality left out.
const CONTEST: (f64, f64) = (2.0, 1.0);
/// Rates learned from fewer calls than this are not played with.
const LEAST_WEIGHT: f64 = 2.0;
/// Surprise, in natural logarithms, above which a host's rates are not played with.
const MOST_SURPRISE: f64 = 0.7;

/// Plays the contested arms; `None` where nothing is contested, or too little is known to play with.
pub(crate) fn plan(
    view: View<'_>,
    ranked: &Ranked<'_>,
    request: &Request,
    outlook: Outlook<'_>,
) -> Option<Plan> {
    let contested = contested(view, ranked)?;
    let belief = Belief::of(view, &ranked.arms, &contested, request, outlook)?;
    let mut gains: Vec<Vec<f64>> = vec![Vec::with_capacity(FUTURES); contested.len()];
    let mut rollout = Rollout::new(&belief);
    let mut played = 0;
    while played < FUTURES {
        let mut random = Random::new(outlook.seed ^ (played as u64).wrapping_mul(0xA076_1D64_78BD_642F));
        let future = Future::draw(&belief, &mut random);
        rollout.begin(&belief, &future);
        let mut reference = 0.0;
        for (place, gain) in gains.iter_mut().enumerate() {
            let total_s = rollout.total_s(&belief, &future, place);
            if place == 0 {
                reference = total_s;
            }
            gain.push(reference - total_s);
        }
        played += 1;
        if played >= LEAST_FUTURES && gains.iter().skip(1).all(|gain| is_clear(gain)) {
            break;
        }
    }
    let first = *contested.first()?;
    let futures = played as u32;
    let mut plan = Plan { arm: first.arm, of_score: true, now: false, futures, better_in: 0, gain_s: 0.0 };
    for (choice, gain) in contested.iter().zip(&gains).skip(1) {
        let (mean, error) = mean_and_error(gain);
        let loading_s = (choice.load_s - first.load_s).max(0.0);
        if mean > GATE * error + LOADING * loading_s && mean > plan.gain_s {
            let better_in = gain.iter().filter(|gain| **gain > 0.0).count() as u32;
            let of_score = choice.arm == first.arm;
            plan = Plan { arm: choice.arm, of_score, now: choice.now, futures, better_in, gain_s: mean };
        }
    }
    Some(plan)
}

/// The choices worth playing, the score's first; `None` where it has no rival or rates cannot be trusted.
fn contested(view: View<'_>, ranked: &Ranked<'_>) -> Option<Vec<Choice>> {
    let best = ranked.best_position()?;
    // Mostly it is trusted or none is.
    let best_arm = ranked.arms.get(best).filter(|arm| is_trusted(view, arm))?;
    // What all answers lack alike makes no choice contested.
    let limit_s =
        best_arm.score_s + (CONTEST.0 - 1.0) * (best_arm.score_s - best_arm.terms.quality_s) + CONTEST.1;
    let mut rivals: Vec<(f64, usize)> = ranked
        .arms
        .iter()
        .enumerate()
        .filter(|(place, arm)| *place != best && arm.score_s <= limit_s)
        .map(|(place, arm)| (arm.score_s, place))
        .collect();
    rivals.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
    rivals.truncate(ARMS - 1);
    let mut choices = Vec::with_capacity(2 * ARMS);
    let mut startable = false;
    for place in std::iter::once(best).chain(rivals.into_iter().map(|(_, place)| place)) {
        let arm = ranked.arms.get(place).filter(|arm| is_trusted(view, arm))?;
        startable |= arm.startable || arm.turn.is_some();
        let choice = Choice { arm: place, now: false, load_s: arm.terms.load_s };
        choices.push(choice);
        if arm.turn.is_some() {
            choices.push(Choice { now: true, ..choice });
        }
    }
    // Whom to wait for may be decided when one of them is free.
    (startable && choices.len() > 1).then_some(choices)
}

fn is_trusted(view: View<'_>, arm: &Scored<'_>) -> bool {
    let steady =
        view.backlogs.get(arm.position).is_none_or(|backlog| (backlog.slowness() - 1.0).abs() < 1e-9);
    steady && arm.host.decode_speed.weight >= LEAST_WEIGHT && arm.host.change.sum_ln.abs() <= MOST_SURPRISE
}

/// Whether more futures would hardly change what is thought of a choice.
fn is_clear(gains: &[f64]) -> bool {
    let (mean, error) = mean_and_error(gains);
    mean + CLEAR * error < 0.0 || mean > 1.5 * CLEAR * error
}

fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count.max(1.0);
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, (squares / (count - 1.0).max(1.0) / count.max(1.0)).sqrt())
}
