//! The sentence a decision says about itself.

use crate::decision::{Candidate, Decision, PlanReport};
use crate::number::{one_decimal, rounded};
use crate::order::sort_by;
use crate::text::joined;

/// Who won, against whom, and the two terms that decided it; `loading` if the winner's model is on its way into memory.
pub(crate) fn explain(decision: &Decision, loading: bool) -> String {
    let Some(best) = decision.candidates.first() else {
        return "no arm can serve this request".to_owned();
    };
    let state = match (loading, best.resident) {
        (true, _) => "loading",
        (false, true) => "loaded",
        (false, false) => "cold",
    };
    let text = format!("{} on {} ({state}), {} expected", best.model, best.host, seconds(best.expected_s));
    match decision.candidates.get(1) {
        None => text + "; no other arm can serve this request",
        Some(next) => {
            let deciding = deciding_terms(best, next);
            let why =
                if deciding.is_empty() { String::new() } else { format!(" ({})", joined(&deciding, ", ")) };
            let rival =
                format!("; next {} on {} with {}{why}", next.model, next.host, seconds(next.expected_s));
            text + &rival + &decision.plan.as_ref().map(overruled).unwrap_or_default()
        }
    }
}

/// That looking ahead overruled the score, and what it saw.
fn overruled(plan: &PlanReport) -> String {
    format!(
        "; looking ahead chose it over {} on {}: all jobs end sooner in {} of {} futures, by {} in all",
        plan.instead_of.model,
        plan.instead_of.host,
        plan.better_in,
        plan.futures,
        seconds(plan.gain_s)
    )
}

/// The two terms in which the runner-up loses most.
fn deciding_terms(best: &Candidate, next: &Candidate) -> Vec<String> {
    let mut losses: Vec<(&str, f64)> = best
        .terms
        .named()
        .into_iter()
        .zip(next.terms.named())
        .map(|((name, ours), (_, theirs))| (name, theirs - ours))
        .filter(|(_, loss)| *loss >= 0.001)
        .collect();
    sort_by(&mut losses, |left, right| right.1.total_cmp(&left.1).then(left.0.cmp(right.0)));
    losses.into_iter().take(2).map(|(name, loss)| format!("{name} +{}", seconds(loss))).collect()
}

fn seconds(value: f64) -> String {
    if value < 0.1 { rounded(value * 1e3) + " ms" } else { one_decimal(value) + " s" }
}
