//! What a decision was made from, as small as it can be kept: a job under way holds it, and it is put into words when somebody
//! asks.

use std::cmp::Ordering;

use crate::decision::{
    Arm, Candidate, Comparison, Decision, DropCode, Dropped, PlanReport, SignalAge, Terms,
};
use crate::fleet::{Host, SignalReading};
use crate::names::ModelName;
use crate::policy::feasibility::said;
use crate::policy::plan::Plan;
use crate::policy::reason::explain;
use crate::policy::score::Scored;
use crate::request::{Mode, Task};

/// How many arms a job under way keeps with their terms: its own and the best others. A dry run keeps all.
pub(crate) const KEPT: usize = 64;

/// An arm that could serve, by its host's position.
#[derive(Clone, Debug)]
pub(crate) struct KeptArm {
    host: usize,
    model: ModelName,
    resident: bool,
    score_ms: f64,
    pub(crate) terms: Terms,
}

impl KeptArm {
    pub(crate) fn of(arm: &Scored<'_>) -> Self {
        Self {
            host: arm.position,
            model: arm.model.name.clone(),
            resident: arm.resident,
            score_ms: arm.score_ms,
            terms: arm.terms,
        }
    }

    fn arm(&self, hosts: &[Host]) -> Option<Arm> {
        Some(Arm { host: hosts.get(self.host)?.config.id.clone(), model: self.model.clone() })
    }

    fn candidate(&self, hosts: &[Host]) -> Option<Candidate> {
        let Arm { host, model } = self.arm(hosts)?;
        Some(Candidate {
            host,
            model,
            resident: self.resident,
            score_s: self.terms.sum_s(),
            expected_s: self.terms.expected_s(),
            terms: self.terms,
        })
    }
}

/// An arm that could not serve, by its host's position.
#[derive(Clone, Debug)]
pub(crate) struct KeptDrop {
    pub(crate) host: u32,
    pub(crate) code: DropCode,
    pub(crate) model: Option<ModelName>,
}

/// A decision before it is put into words.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) task: Task,
    pub(crate) mode: Mode,
    /// The chosen arm's model is on its way into memory.
    pub(crate) loading: bool,
    pub(crate) prompt_tokens: u32,
    pub(crate) output_tokens: u32,
    /// The chosen arm first, the others in any order.
    pub(crate) arms: Vec<KeptArm>,
    /// Arms that could serve too, and of which no more is kept.
    pub(crate) left_out: usize,
    /// Expected seconds of the fastest other arm that is loaded, where there is a deadline.
    pub(crate) fastest_other_s: Option<f64>,
    pub(crate) plan: Option<Plan>,
    pub(crate) dropped: Vec<KeptDrop>,
    /// What the words of these drops mean, where that was told by numbers: their places and their details.
    pub(crate) details: Vec<(usize, String)>,
    pub(crate) signals: Vec<(usize, SignalReading)>,
    pub(crate) notes: Vec<String>,
    pub(crate) comparison: Option<Comparison>,
}

impl Record {
    /// Milliseconds from now to the last token on the chosen arm.
    pub(crate) fn predicted_ms(&self) -> f64 {
        self.arms.first().map_or(0.0, |best| (best.terms.expected_s() * 1e3).round())
    }

    /// This decision as people and programs read it: kept arms with their terms in seconds, dropped ones with their reasons.
    pub(crate) fn decision(&self, hosts: &[Host]) -> Decision {
        let mut others: Vec<&KeptArm> = self.arms.iter().skip(1).collect();
        others.sort_by(|left, right| order(hosts, left, right));
        // Where looking ahead overruled the score, its choice is the best of the others, unless only to wait was overruled.
        let (best, next) = (self.arms.first(), others.first().copied());
        let overruled = if self.plan.is_some_and(|plan| plan.of_score) { best } else { next };
        let plan =
            self.plan.filter(|plan| plan.gain_s > 0.0).zip(overruled.and_then(|arm| arm.arm(hosts))).map(
                |(plan, instead_of)| PlanReport {
                    instead_of,
                    futures: plan.futures,
                    better_in: plan.better_in,
                    gain_s: plan.gain_s,
                },
            );
        let mut candidates = Vec::with_capacity(self.arms.len());
        candidates.extend(best.into_iter().chain(others).filter_map(|arm| arm.candidate(hosts)));
        let mut notes = self.notes.clone();
        if self.left_out > 0 {
            notes.push(format!("{} more arms could serve it, with worse scores", self.left_out));
        }
        let mut decision = Decision {
            chosen: best.and_then(|best| best.arm(hosts)),
            reason: String::new(),
            predicted_ms: self.predicted_ms(),
            task: self.task,
            mode: self.mode,
            prompt_tokens: self.prompt_tokens,
            output_tokens: self.output_tokens,
            candidates,
            dropped: self.drops(hosts),
            signals: self.signals(hosts),
            notes,
            plan,
            comparison: self.comparison.clone(),
        };
        decision.reason = explain(&decision, self.loading);
        decision
    }

    fn drops(&self, hosts: &[Host]) -> Vec<Dropped> {
        let mut details = self.details.iter().peekable();
        let mut dropped = Vec::with_capacity(self.dropped.len());
        for (place, drop) in self.dropped.iter().enumerate() {
            let Some(host) = hosts.get(drop.host as usize) else { continue };
            let detail = details.next_if(|(at, _)| *at == place).map(|(_, detail)| detail.as_str());
            dropped.push(Dropped {
                host: host.config.id.clone(),
                model: drop.model.clone(),
                code: drop.code,
                detail: detail.or(said(drop.code)).unwrap_or_default().to_owned(),
            });
        }
        dropped
    }

    fn signals(&self, hosts: &[Host]) -> Vec<SignalAge> {
        let mut ages = Vec::with_capacity(self.signals.len());
        for (host, reading) in &self.signals {
            let Some(host) = hosts.get(*host) else { continue };
            ages.push(SignalAge {
                host: host.config.id.clone(),
                signal: reading.signal,
                value: reading.value,
                age_ms: reading.age_ms,
                stale: reading.stale,
            });
        }
        ages
    }
}

/// As arms are put in order by their scores.
fn order(hosts: &[Host], left: &KeptArm, right: &KeptArm) -> Ordering {
    let place = |arm: &KeptArm| hosts.get(arm.host).map(|host| host.place);
    left.score_ms
        .total_cmp(&right.score_ms)
        .then(right.resident.cmp(&left.resident))
        .then_with(|| place(left).cmp(&place(right)))
        .then_with(|| left.model.cmp(&right.model))
}
