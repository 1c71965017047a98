//! The sentence a decision says about itself.

use crate::decision::{Arm, Candidate, Decision, PlanReport};

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
            let why = if deciding.is_empty() { String::new() } else { format!(" ({})", deciding.join(", ")) };
            let rival =
                format!("; next {} on {} with {}{why}", next.model, next.host, seconds(next.expected_s));
            text + &rival + &decision.plan.as_ref().map(|plan| overruled(plan, best)).unwrap_or_default()
        }
    }
}

/// That looking ahead overruled the score, and what it saw.
fn overruled(plan: &PlanReport, best: &Candidate) -> String {
    let Arm { host, model } = &plan.instead_of;
    let choice = if *host == best.host && *model == best.model {
        "began it beside its host's other work".to_owned()
    } else {
        format!("chose it over {model} on {host}")
    };
    format!(
        "; looking ahead {choice}: all jobs end sooner in {} of {} futures, by {} in all",
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
    losses.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(right.0)));
    losses.into_iter().take(2).map(|(name, loss)| format!("{name} +{}", seconds(loss))).collect()
}

fn seconds(value: f64) -> String {
    if value < 0.1 { format!("{:.0} ms", value * 1e3) } else { format!("{value:.1} s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Terms;

    fn candidate(model: &str, decode_s: f64) -> Candidate {
        Candidate {
            host: "pc".into(),
            model: model.into(),
            resident: true,
            score_s: decode_s,
            expected_s: decode_s,
            terms: Terms { decode_s, ..Terms::default() },
        }
    }

    #[test]
    fn a_plan_says_whether_it_overruled_the_arm_or_only_the_wait() {
        let best = candidate("big", 4.0);
        for (model, said) in
            [("small", "chose it over small on pc"), ("big", "began it beside its host's other work")]
        {
            let instead_of = Arm { host: "pc".into(), model: model.into() };
            let plan = PlanReport { instead_of, futures: 8, better_in: 7, gain_s: 2.0 };
            let text = overruled(&plan, &best);
            assert!(text.contains(said) && text.ends_with("in 7 of 8 futures, by 2.0 s in all"), "{text}");
        }
    }
}
