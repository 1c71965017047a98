//! One future: what is still to come of answers under way, the sizes of the jobs that wait, the requests that come next.

use crate::learn::Length;
use crate::policy::look_ahead::belief::Belief;
use crate::random::Random;

/// Requests to come that are played: more of them add chance faster than insight.
const ARRIVALS: usize = 4;
/// How long a future is at most.
const HORIZON_S: f64 = 120.0;
/// Seconds between two requests of a batch that was announced.
const BATCH_GAP_S: f64 = 0.25;
/// The most requests of an announced batch that are played.
const BATCH: u32 = 12;
/// Draws until an answer is longer than what is written already.
const TRIES: usize = 8;

/// A request that is played.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlayedJob {
    /// Its place in `Belief::jobs`, or beyond those in `Belief::kinds`.
    pub(super) kind: usize,
    pub(super) arrives: f64,
    pub(super) output_tokens: f64,
    /// Its prompt's length ÷ the expected length.
    pub(super) prompt_factor: f64,
}

pub(super) struct Future {
    /// Tokens still to come of each call under way.
    pub(super) rest_tokens: Vec<f64>,
    /// The job that is decided about, those that wait, those that come.
    pub(super) jobs: Vec<PlayedJob>,
}

impl Future {
    pub(super) fn draw(belief: &Belief, random: &mut Random) -> Self {
        let rest_tokens = belief.calls.iter().map(|call| rest(random, &call.length, call.written)).collect();
        let mut jobs: Vec<PlayedJob> = belief
            .jobs
            .iter()
            .enumerate()
            .map(|(kind, job)| PlayedJob {
                kind,
                arrives: 0.0,
                output_tokens: tokens(random, &job.length),
                prompt_factor: 1.0,
            })
            .collect();
        let first = jobs.len();
        for (kind, announced) in belief.kinds.iter().enumerate() {
            for nth in 1..=announced.announced.min(BATCH) {
                jobs.push(arrival(belief, random, kind, f64::from(nth) * BATCH_GAP_S));
            }
        }
        if belief.total_rate > 0.0 {
            // The first gap has begun already.
            let mut now = -belief.since_last_s;
            for _ in 0..ARRIVALS {
                now = now.max(0.0) + gap(belief, random, (-now).max(0.0));
                if now > HORIZON_S {
                    break;
                }
                let mut left = random.unit() * belief.total_rate;
                let picked = belief.kinds.iter().position(|kind| {
                    left -= kind.rate;
                    left < 0.0
                });
                jobs.push(arrival(belief, random, picked.unwrap_or(0), now));
            }
        }
        if let Some(coming) = jobs.get_mut(first..) {
            coming.sort_by(|left, right| {
                left.arrives.total_cmp(&right.arrives).then(left.kind.cmp(&right.kind))
            });
        }
        Self { rest_tokens, jobs }
    }
}

fn arrival(belief: &Belief, random: &mut Random, kind: usize, arrives: f64) -> PlayedJob {
    let played = belief.kinds.get(kind);
    PlayedJob {
        kind: belief.jobs.len() + kind,
        arrives,
        output_tokens: played.map_or(1.0, |kind| tokens(random, &kind.length)),
        prompt_factor: libm::exp(random.normal() * played.map_or(0.0, |kind| kind.prompt_sigma)),
    }
}

/// Seconds to the next request, `elapsed_s` after the last one.
fn gap(belief: &Belief, random: &mut Random, elapsed_s: f64) -> f64 {
    let mut draws = (0..TRIES).map(|_| random.gamma(1.0 / belief.burstiness) / belief.total_rate);
    match draws.find(|gap| *gap > elapsed_s) {
        Some(gap) => gap - elapsed_s,
        None => -libm::log(1.0 - random.unit()) / belief.total_rate,
    }
}

fn tokens(random: &mut Random, length: &Length) -> f64 {
    if length.cap <= 0.0 {
        0.0
    } else {
        libm::exp(length.mean_ln + random.normal() * length.sigma).min(length.cap)
    }
}

/// Tokens to come of an answer that has `written` ones already.
fn rest(random: &mut Random, length: &Length, written: f64) -> f64 {
    let mut draws = (0..TRIES).map(|_| tokens(random, length));
    match draws.find(|drawn| *drawn > written) {
        Some(tokens) => tokens - written,
        None => length.rest(written) * -libm::log(1.0 - random.unit()),
    }
}
