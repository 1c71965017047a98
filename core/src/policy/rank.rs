//! Every arm filtered and scored, best first.

use std::cmp::Ordering;

use crate::config::Config;
use crate::decision::{Arm, Candidate, Decision, DropCode, Dropped, PlanReport, SignalAge};
use crate::fleet::{Fleet, Host, Model};
use crate::learn::Lengths;
use crate::names::Millis;
use crate::order::sort_by;
use crate::policy::backlog::Backlog;
use crate::policy::feasibility::{Exclusions, Filter};
use crate::policy::load::InMemory;
use crate::policy::look_ahead::Plan;
use crate::policy::notes::{Metrics, notes};
use crate::policy::reason::explain;
use crate::policy::score::{HostView, RequestView, Scored, foreign_share, score};
use crate::policy::work::tokens_of_context;
use crate::request::Request;

/// Seconds until a failure shows.
const DETECT_S: f64 = 2.0;
/// Seconds a retry costs where no other arm is left.
const NO_OTHER_ARM_S: f64 = 30.0;
/// An arm whose breaker is not closed fails with at least this probability.
const BROKEN: f64 = 0.5;
/// A model that does not fit its host's memory works this many times slower.
const MISFIT_SLOWDOWN: f64 = 5.0;
/// An arm that has read so much of a prompt is the conversation's own: it is left only for one better by so much.
const CONVERSATION: f64 = 0.4;
const STAY_S: f64 = 0.2;
const STAY_SHARE: f64 = 0.05;

/// What the score is computed from.
#[derive(Clone, Copy)]
pub(crate) struct Ranking<'a> {
    pub(crate) config: &'a Config,
    pub(crate) fleet: &'a Fleet,
    pub(crate) lengths: &'a Lengths,
    /// What each host has to do, by position.
    pub(crate) backlogs: &'a [Backlog],
    pub(crate) metrics: Metrics<'a>,
    pub(crate) now: Millis,
}

/// Every arm for one request: those that may serve with their scores, and those that may not.
pub(crate) struct Ranked<'a> {
    pub(crate) arms: Vec<Scored<'a>>,
    /// What looking ahead found, where it looked.
    pub(crate) plan: Option<Plan>,
    dropped: Vec<(&'a Host, Option<&'a Model>, DropCode)>,
    filter: Filter<'a>,
    output_tokens: f64,
}

impl<'a> Ranking<'a> {
    /// Filters and scores every arm; `waited_ms` of the request's deadline are over.
    pub(crate) fn rank(self, request: &'a Request, tried: &'a Exclusions, waited_ms: u64) -> Ranked<'a> {
        let answer = self.lengths.expectation(request);
        let output_tokens = answer.length.mean();
        let context_tokens =
            tokens_of_context(request.prompt_tokens, request.max_tokens.map_or(output_tokens, f64::from));
        let deadline_s = request.deadline_ms.map(|limit| limit.saturating_sub(waited_ms) as f64 / 1e3);
        let wanted = RequestView { request, answer, context_tokens, deadline_s };
        let filter = Filter { config: self.config, request, tried, context_tokens, now: self.now };
        let total = self.fleet.hosts.iter().map(|host| host.models.len()).sum();
        let (mut arms, mut dropped) = (Vec::with_capacity(total), Vec::new());
        let (mut misfits, mut ejected, mut below) = (Vec::new(), Vec::new(), Vec::new());
        let floor = filter.floor();
        for (position, (host, backlog)) in self.fleet.hosts.iter().zip(self.backlogs).enumerate() {
            if let Err(code) = filter.host(host, backlog.calls()) {
                dropped.push((host, None, code));
                continue;
            }
            let at = HostView {
                host,
                backlog,
                neighbours: &host.neighbours,
                in_memory: InMemory::of(host, backlog),
                bound: host.memory_bound(self.now, self.config.stale_after_ms()),
                foreign: foreign_share(self, host),
            };
            let chain_binds = filter.chain_binds(host);
            for model in host.models.values() {
                match filter.model(host, model, chain_binds, at.bound) {
                    Ok(()) if model.quality(request.task) < floor => below.push((at, position, model)),
                    Ok(()) if is_ejected(self.now, backlog, model) => ejected.push((at, position, model)),
                    Ok(()) => arms.push(score(self, at, position, model, wanted, 1.0)),
                    Err(code) => {
                        if code == DropCode::DoesNotFit {
                            misfits.push((at, position, model));
                        }
                        dropped.push((host, Some(model), code));
                    }
                }
            }
        }
        // The floor holds while somebody above it can serve.
        let lowered = arms.is_empty();
        for (at, position, model) in below {
            if lowered {
                arms.push(score(self, at, position, model, wanted, 1.0));
            } else {
                dropped.push((at.host, Some(model), DropCode::BelowFloor));
            }
        }
        if arms.is_empty() && !misfits.is_empty() {
            arms.extend(
                misfits
                    .into_iter()
                    .map(|(at, position, model)| score(self, at, position, model, wanted, MISFIT_SLOWDOWN)),
            );
            dropped.retain(|(_, _, code)| *code != DropCode::DoesNotFit);
        }
        // At most half of the arms are left out for failing lately: those that have rested longest come back.
        sort_by(&mut ejected, |left, right| right.2.breaker.opens().cmp(&left.2.breaker.opens()));
        while ejected.len() > arms.len() {
            let Some((at, position, model)) = ejected.pop() else { break };
            arms.push(score(self, at, position, model, wanted, 1.0));
        }
        let left_out =
            |(at, _, model): (HostView<'a>, usize, &'a Model)| (at.host, Some(model), DropCode::FailedLately);
        dropped.extend(ejected.into_iter().map(left_out));
        add_risk(self, &mut arms);
        Ranked { arms, plan: None, dropped, filter, output_tokens }
    }
}

fn is_ejected(now: Millis, backlog: &Backlog, model: &Model) -> bool {
    let underway = backlog.runner(&model.name).map_or(0, |runner| runner.calls);
    model.breaker.forbids(now, underway).is_some()
}

/// Risk = P(fail) × (time until it shows + the best other arm's expected time).
fn add_risk(view: Ranking<'_>, arms: &mut [Scored<'_>]) {
    let (mut best, mut best_s, mut second_s) = (0, f64::INFINITY, f64::INFINITY);
    for (index, arm) in arms.iter().enumerate() {
        if arm.expected_s < best_s {
            (best, second_s, best_s) = (index, best_s, arm.expected_s);
        } else {
            second_s = second_s.min(arm.expected_s);
        }
    }
    for (index, arm) in arms.iter_mut().enumerate() {
        let other_s = if index == best { second_s } else { best_s };
        let other_s = if other_s.is_finite() { other_s } else { NO_OTHER_ARM_S };
        let broken = arm.model.breaker.cause().is_some();
        let failing = if broken { arm.model.failing.max(BROKEN) } else { arm.model.failing };
        arm.terms.risk_s = view.config.tuning.risk * failing * (DETECT_S + other_s);
        arm.score_s = arm.terms.sum_s();
        let staying_s = if arm.kept < CONVERSATION { 0.0 } else { STAY_S.max(STAY_SHARE * arm.score_s) };
        arm.score_ms = ((arm.score_s - staying_s) * 1e3).round_ties_even();
    }
}

/// By score to the millisecond, then loaded before cold, then by name: the same order on every machine.
fn order(left: &Scored<'_>, right: &Scored<'_>) -> Ordering {
    left.score_ms
        .total_cmp(&right.score_ms)
        .then(right.resident.cmp(&left.resident))
        .then(left.host.place.cmp(&right.host.place))
        .then_with(|| left.model.name.cmp(&right.model.name))
}

impl<'a> Ranked<'a> {
    /// When the first host that is left out for its state may serve this request after all, where that can be told.
    pub(crate) fn hope(&self) -> Option<Millis> {
        let filter = self.filter;
        let left_out = self.dropped.iter().filter(|(_, _, code)| *code == DropCode::HostDown);
        left_out
            .filter(|(host, _, _)| {
                let chain_binds = filter.chain_binds(host);
                host.models.values().any(|model| filter.model(host, model, chain_binds, None).is_ok())
            })
            .filter_map(|(host, _, _)| host.returns(filter.now))
            .min()
    }

    /// The place of the arm with the best score.
    pub(crate) fn best_position(&self) -> Option<usize> {
        let places = self.arms.iter().enumerate();
        places.min_by(|left, right| order(left.1, right.1)).map(|(place, _)| place)
    }

    /// The arm to take: the plan's, or the one with the best score.
    pub(crate) fn best(&self) -> Option<&Scored<'a>> {
        let place = self.plan.map(|plan| plan.arm).or_else(|| self.best_position())?;
        self.arms.get(place)
    }

    /// The same, said for people: every arm with its terms, every drop with its numbers.
    pub(crate) fn explain(&self, view: Ranking<'_>, request: &Request) -> Decision {
        let mut order_of: Vec<&Scored<'_>> = self.arms.iter().collect();
        sort_by(&mut order_of, |left, right| order(left, right));
        let by_score = order_of.first().map(|best| arm_of(best));
        let planned = self.plan.and_then(|plan| self.arms.get(plan.arm));
        if let Some(place) =
            planned.and_then(|planned| order_of.iter().position(|arm| std::ptr::eq(*arm, planned)))
        {
            order_of.get_mut(..=place).unwrap_or_default().rotate_right(1);
        }
        let best_arm = order_of.first().copied();
        let plan = self.plan.filter(|plan| plan.gain_s > 0.0).zip(by_score).map(|(plan, instead_of)| {
            PlanReport { instead_of, futures: plan.futures, better_in: plan.better_in, gain_s: plan.gain_s }
        });
        let loading = best_arm.is_some_and(|best| is_loading(view, best));
        let candidates: Vec<Candidate> = order_of.into_iter().map(candidate).collect();
        let dropped = self.dropped.iter().map(|(host, model, code)| Dropped {
            host: host.config.id.clone(),
            model: model.map(|model| model.name.clone()),
            code: *code,
            detail: self.filter.detail(*code, host, *model),
        });
        let signals = signal_ages(view);
        let best = candidates.first();
        let mut decision = Decision {
            chosen: best.map(|best| Arm { host: best.host.clone(), model: best.model.clone() }),
            reason: String::new(),
            predicted_ms: best.map_or(0.0, |best| (best.expected_s * 1e3).round()),
            task: request.task,
            mode: request.mode,
            prompt_tokens: request.prompt_tokens,
            output_tokens: self.output_tokens.ceil() as u32,
            notes: notes(view.metrics, view.fleet, &signals, best_arm),
            dropped: dropped.collect(),
            candidates,
            signals,
            plan,
        };
        decision.reason = explain(&decision, loading);
        decision
    }
}

/// A call under way waits for its load.
fn is_loading(view: Ranking<'_>, arm: &Scored<'_>) -> bool {
    let runner = view.backlogs.get(arm.position).and_then(|backlog| backlog.runner(&arm.model.name));
    runner.is_some_and(|runner| runner.calls > 0 && runner.load_left_s > 0.0)
}

fn arm_of(arm: &Scored<'_>) -> Arm {
    Arm { host: arm.host.config.id.clone(), model: arm.model.name.clone() }
}

fn candidate(arm: &Scored<'_>) -> Candidate {
    Candidate {
        host: arm.host.config.id.clone(),
        model: arm.model.name.clone(),
        resident: arm.resident,
        score_s: arm.score_s,
        expected_s: arm.expected_s,
        terms: arm.terms,
    }
}

fn signal_ages(view: Ranking<'_>) -> Vec<SignalAge> {
    let mut ages = Vec::new();
    for host in &view.fleet.hosts {
        for reading in host.signals.readings(view.now, view.config.stale_after_ms()) {
            ages.push(SignalAge {
                host: host.config.id.clone(),
                signal: reading.signal,
                value: reading.value,
                age_ms: reading.age_ms,
                stale: reading.stale,
            });
        }
    }
    ages
}
