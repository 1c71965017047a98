//! Every arm filtered and scored, best first.

use std::cmp::{Ordering, Reverse};

use crate::decision::DropCode;
use crate::fleet::{Host, Model, SignalReading};
use crate::learn::{Expectation, Length};
use crate::names::Millis;
use crate::policy::backlog::Backlog;
use crate::policy::feasibility::{Exclusions, Filter, said};
use crate::policy::notes::notes;
use crate::policy::plan::Plan;
use crate::policy::quality::QualityPrice;
use crate::policy::record::{KeptArm, KeptDrop, Record};
use crate::policy::score::{HostView, RequestView, Scored, score};
use crate::policy::view::{LeftOut, View};
use crate::policy::work::{answer_context, tokens_of_context};
use crate::request::Request;

/// Seconds that a failure is expected to take until it shows.
const DETECT_S: f64 = 2.0;
/// Seconds a failure costs if no other arm is left.
const NO_OTHER_ARM_S: f64 = 30.0;
/// An arm whose breaker is not closed fails with at least this probability.
const BROKEN: f64 = 0.5;
/// A model that does not fit its host's memory works this many times slower.
const MISFIT_SLOWDOWN: f64 = 5.0;
/// The share of a prompt that an arm must still hold from the turn before to count as the conversation's own.
const CONVERSATION: f64 = 0.4;
/// The least seconds by which another arm must be better before a conversation leaves its own.
const STAY_S: f64 = 0.2;
/// The share of the score by which another arm must be better before a conversation leaves its own, if that is more than [`STAY_S`].
const STAY_SHARE: f64 = 0.05;

/// Every arm for one request: those that may serve with their scores, and those that may not.
pub(crate) struct Ranked<'a> {
    pub(crate) arms: Vec<Scored<'a>>,
    /// What looking ahead found, where it looked.
    plan: Option<Plan>,
    by_score: Option<usize>,
    dropped: Vec<LeftOut<'a>>,
    filter: Filter<'a>,
    answer: Expectation<'a>,
    output_tokens: f64,
}

impl<'a> View<'a> {
    /// Filters and scores every arm; the request has waited for `waited_ms`, of its deadline too.
    pub(crate) fn rank(self, request: &'a Request, tried: &'a Exclusions, waited_ms: u64) -> Ranked<'a> {
        let answer = self.lengths.expectation(request);
        let output_tokens = answer.length.mean();
        let context_tokens =
            tokens_of_context(request.context_prompt_tokens(), answer_context(request, output_tokens));
        let deadline_s = request.deadline_ms.map(|limit| limit.saturating_sub(waited_ms) as f64 / 1e3);
        let wanted =
            RequestView { request, answer, context_tokens, waited_s: waited_ms as f64 / 1e3, deadline_s };
        let filter = Filter { config: self.config, request, tried, context_tokens, now: self.now };
        let total = self.fleet.hosts.iter().map(|host| host.models.len()).sum();
        // The largest list is allocated first: a smaller one before it would take a piece of the place where it fitted the last time.
        let mut arms: Vec<Scored<'a>> = Vec::with_capacity(total);
        let hosts = self.fleet.hosts.iter().zip(self.backlogs).enumerate();
        let views: Vec<Result<HostView<'_>, LeftOut<'_>>> = hosts
            .map(|(position, (host, backlog))| match filter.host(host, backlog.calls()) {
                Ok(()) => Ok(HostView::of(&self, position, host, backlog)),
                Err(code) => Err((position, host, None, code)),
            })
            .collect();
        // Arms that may serve, and how many times slower than usual they would work.
        let (mut fit, mut dropped) = (Vec::with_capacity(total), Vec::new());
        let (mut misfits, mut ejected, mut below) = (Vec::new(), Vec::new(), Vec::new());
        let floor = filter.floor();
        for view in &views {
            let at = match view {
                Ok(at) => at,
                Err(left_out) => {
                    dropped.push(*left_out);
                    continue;
                }
            };
            let chain_binds = filter.chain_binds(at.host);
            for model in at.host.models.values() {
                match filter.model(at.host, model, chain_binds, at.told) {
                    Ok(()) if model.quality(request.task) < floor => below.push((at, model)),
                    Ok(()) if is_ejected(self.now, at.backlog, model) => ejected.push((at, model)),
                    Ok(()) => fit.push((at, model, 1.0)),
                    Err(code) => {
                        if code == DropCode::DoesNotFit {
                            misfits.push((at, model));
                        }
                        dropped.push(at.dropped(model, code));
                    }
                }
            }
        }
        // The floor holds while somebody above it can serve.
        if fit.is_empty() {
            fit.extend(below.into_iter().map(|(at, model)| (at, model, 1.0)));
        } else {
            dropped.extend(below.into_iter().map(|(at, model)| at.dropped(model, DropCode::BelowFloor)));
        }
        if fit.is_empty() && !misfits.is_empty() {
            fit.extend(misfits.into_iter().map(|(at, model)| (at, model, MISFIT_SLOWDOWN)));
            dropped.retain(|(_, _, _, code)| *code != DropCode::DoesNotFit);
        }
        // At most half of the arms are left out for failing lately: those that have rested longest come back.
        ejected.sort_by_key(|(_, model)| Reverse(model.breaker.opens()));
        while ejected.len() > fit.len() {
            let Some((at, model)) = ejected.pop() else { break };
            fit.push((at, model, 1.0));
        }
        dropped.extend(ejected.into_iter().map(|(at, model)| at.dropped(model, DropCode::FailedLately)));
        let scored = fit.into_iter().map(|(at, model, slowdown)| score(&self, at, model, &wanted, slowdown));
        arms.extend(scored);
        add_quality(request, &mut arms);
        add_risk(self, &mut arms);
        let by_score = best_of(&arms);
        Ranked { arms, plan: None, by_score, dropped, filter, answer, output_tokens }
    }
}

fn is_ejected(now: Millis, backlog: &Backlog, model: &Model) -> bool {
    // Mostly nothing is wrong, and nobody need be counted.
    model.breaker.cause().is_some() && {
        let underway = backlog.runner(&model.name).map_or(0, |runner| runner.calls);
        model.breaker.forbids(now, underway).is_some()
    }
}

/// Lower quality = price × (1 − quality); the price grows with the work of the quickest arm.
fn add_quality(request: &Request, arms: &mut [Scored<'_>]) {
    let works = arms.iter().map(|arm| arm.terms.prefill_s + arm.terms.decode_s);
    let price_s = QualityPrice::of(request).in_seconds(works.min_by(f64::total_cmp).unwrap_or(0.0));
    for arm in arms {
        arm.terms.quality_s = price_s * (1.0 - arm.model.quality(request.task));
    }
}

/// Risk = P(fail) × (time until it shows + the best other arm's expected time).
fn add_risk(view: View<'_>, arms: &mut [Scored<'_>]) {
    let (mut best, mut best_s, mut second_s) = (0, f64::INFINITY, f64::INFINITY);
    for (index, arm) in arms.iter().enumerate() {
        if arm.expected_s < best_s {
            (best, second_s, best_s) = (index, best_s, arm.expected_s);
        } else if arm.expected_s < second_s {
            second_s = arm.expected_s;
        }
    }
    for (index, arm) in arms.iter_mut().enumerate() {
        let other_s = if index == best { second_s } else { best_s };
        let other_s = if other_s.is_finite() { other_s } else { NO_OTHER_ARM_S };
        let broken = arm.model.breaker.cause().is_some();
        let failing = if broken { arm.model.failing.max(BROKEN) } else { arm.model.failing };
        arm.terms.risk_s = view.config.tuning.risk * failing * (DETECT_S + other_s);
        arm.score_s = arm.terms.sum_s();
        let staying_s = if arm.kept < CONVERSATION {
            0.0
        } else {
            STAY_S.max(STAY_SHARE * (arm.score_s - arm.terms.quality_s))
        };
        arm.score_ms = ((arm.score_s - staying_s) * 1e3).round_ties_even();
    }
}

/// The place of the arm with the best score.
fn best_of(arms: &[Scored<'_>]) -> Option<usize> {
    let places = arms.iter().enumerate();
    places.min_by(|left, right| order(left.1, right.1)).map(|(place, _)| place)
}

/// By score to the millisecond, then loaded before cold, then by name: the same order on every machine.
fn order(left: &Scored<'_>, right: &Scored<'_>) -> Ordering {
    left.score_ms
        .total_cmp(&right.score_ms)
        .then_with(|| right.resident.cmp(&left.resident))
        .then_with(|| left.host.place.cmp(&right.host.place))
        .then_with(|| left.model.name.cmp(&right.model.name))
}

impl<'a> Ranked<'a> {
    /// Hosts that are left out for their state and could serve this request otherwise, with their positions.
    pub(crate) fn resting(&self) -> impl Iterator<Item = (usize, &'a Host)> {
        let filter = self.filter;
        let left_out = self.dropped.iter().filter(|(_, _, _, code)| *code == DropCode::HostDown);
        left_out.map(|(position, host, _, _)| (*position, *host)).filter(move |(_, host)| {
            let chain_binds = filter.chain_binds(host);
            host.models.values().any(|model| filter.model(host, model, chain_binds, None).is_ok())
        })
    }

    /// The host that is soonest up of those that sleep and have never shown what models they have.
    pub(crate) fn unknown_sleeper(&self, view: View<'_>) -> Option<usize> {
        let hosts = view.fleet.hosts.iter().enumerate().filter(|(_, host)| host.models.is_empty());
        let asleep = hosts.filter(|(_, host)| self.filter.host(host, 0).is_ok());
        let rising = asleep.filter_map(|(position, host)| Some((host.rises_in_s(view.now)?, position)));
        rising.min_by(|left, right| left.0.total_cmp(&right.0)).map(|(_, position)| position)
    }

    /// Takes the plan's choice in place of the score's.
    pub(crate) fn follow(&mut self, plan: Option<Plan>) {
        self.plan = plan;
        if let Some(arm) = plan.filter(|plan| plan.now).and_then(|plan| self.arms.get_mut(plan.arm)) {
            arm.begin_now();
        }
    }

    /// Leaves out the arms of the host at this position, where a call of the request is under way.
    pub(crate) fn leave(&mut self, position: usize) {
        self.arms.retain(|arm| arm.position != position);
        (self.plan, self.by_score) = (None, best_of(&self.arms));
    }

    /// The place of the arm with the best score.
    pub(crate) fn best_position(&self) -> Option<usize> {
        self.by_score
    }

    /// The place of the arm to take: the plan's, or the one with the best score.
    fn chosen(&self) -> Option<usize> {
        self.plan.map(|plan| plan.arm).or(self.by_score)
    }

    /// The arm to take.
    pub(crate) fn best(&self) -> Option<&Scored<'a>> {
        self.arms.get(self.chosen()?)
    }

    /// How long the answer of this arm is expected to be.
    pub(crate) fn length(&self, arm: &Scored<'_>) -> Length {
        self.answer.by(&arm.model.name, arm.model.wordiness)
    }

    /// What the decision is made from, with at most this many arms.
    pub(crate) fn record(&self, view: View<'_>, request: &Request, kept: usize) -> Record {
        let chosen = self.chosen();
        let best = chosen.and_then(|place| self.arms.get(place));
        let mut fastest_other_s: Option<f64> = None;
        // Only a deadline makes somebody ask for it.
        let others = if request.deadline_ms.is_some() { self.arms.as_slice() } else { &[] };
        for (place, arm) in others.iter().enumerate() {
            if arm.resident && Some(place) != chosen {
                fastest_other_s =
                    Some(fastest_other_s.map_or(arm.expected_s, |so_far| so_far.min(arm.expected_s)));
            }
        }
        let mut arms = Vec::with_capacity(self.arms.len().min(kept));
        if self.arms.len() <= kept {
            arms.extend(self.arms.iter().map(KeptArm::of));
            if let Some(chosen) = chosen {
                arms.swap(0, chosen);
            }
        } else {
            arms.extend(best.map(KeptArm::of));
            arms.extend(self.best_others(chosen, kept.saturating_sub(1)).into_iter().map(KeptArm::of));
        }
        let mut dropped = Vec::with_capacity(self.dropped.len());
        let mut details = Vec::new();
        for (place, (position, host, model, code)) in self.dropped.iter().enumerate() {
            if said(*code).is_none() {
                details.push((place, self.filter.detail(*code, host, *model)));
            }
            let model = model.map(|model| model.name.clone());
            dropped.push(KeptDrop { host: *position as u32, code: *code, model });
        }
        let signals = readings(view);
        Record {
            task: request.task,
            mode: request.mode,
            loading: best.is_some_and(|best| is_loading(view, best)),
            prompt_tokens: request.prompt_tokens,
            output_tokens: self.output_tokens.ceil() as u32,
            left_out: self.arms.len() - arms.len(),
            arms,
            fastest_other_s,
            plan: self.plan,
            dropped,
            details,
            notes: notes(view.metrics, view.now, view.fleet, &signals, best),
            signals,
            comparison: None,
        }
    }

    /// The best arms but the chosen one, in order.
    fn best_others(&self, chosen: Option<usize>, most: usize) -> Vec<&Scored<'a>> {
        let mut best: Vec<&Scored<'_>> = Vec::with_capacity(most + 1);
        for (place, arm) in self.arms.iter().enumerate() {
            let worse = best.len() >= most && best.last().is_none_or(|last| order(last, arm).is_lt());
            if worse || Some(place) == chosen {
                continue;
            }
            let at = best.partition_point(|better| order(better, arm).is_lt());
            best.insert(at, arm);
            best.truncate(most);
        }
        best
    }
}

/// A call under way waits for its load.
fn is_loading(view: View<'_>, arm: &Scored<'_>) -> bool {
    let runner = view.backlogs.get(arm.position).and_then(|backlog| backlog.runner(&arm.model.name));
    runner.is_some_and(|runner| runner.calls > 0 && runner.load_left_s > 0.0)
}

fn readings(view: View<'_>) -> Vec<(usize, SignalReading)> {
    let mut all = Vec::new();
    for (position, host) in view.fleet.hosts.iter().enumerate() {
        for reading in host.signals.readings(view.now, view.stale_ms) {
            all.push((position, reading));
        }
    }
    all
}
