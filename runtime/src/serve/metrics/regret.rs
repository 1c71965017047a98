//! What a choice cost against the next best. It is an estimate: the other arm was not called.

use smart_ai_core::{Candidate, Decision, Outcome};

/// By how many seconds the arm that answered did worse than the best of the others was expected to do with an answer of that length. Both as
/// the score has it, so that a dearer model's better answers are no regret. None where there was no other.
pub(super) fn regret_s(decision: &Decision, outcome: &Outcome) -> Option<f64> {
    let answered = |candidate: &&Candidate| {
        outcome.host.as_ref() == Some(&candidate.host) && outcome.model.as_ref() == Some(&candidate.model)
    };
    let longer = match decision.output_tokens {
        0 => 1.0,
        expected => f64::from(outcome.usage.output_tokens) / f64::from(expected),
    };
    let others = decision.candidates.iter().filter(|candidate| !answered(candidate));
    let expected = others.map(|other| other.score_s + other.terms.decode_s * (longer - 1.0));
    let best = expected.min_by(f64::total_cmp)?;
    let price = decision.candidates.iter().find(answered).map_or(0.0, |arm| arm.score_s - arm.expected_s);
    // The decision is of the moment in which the call began.
    let took = (outcome.ms.total - outcome.ms.queue) / 1e3;
    Some((took + price - best).max(0.0))
}

#[cfg(test)]
mod tests {
    use smart_ai_core::{Mode, Task, Terms};

    use super::*;

    fn candidate(host: &str, decode_s: f64, quality_s: f64) -> Candidate {
        let terms = Terms { decode_s, quality_s, ..Terms::default() };
        let (host, model) = (host.into(), "m".into());
        Candidate {
            host,
            model,
            resident: true,
            score_s: terms.sum_s(),
            expected_s: terms.expected_s(),
            terms,
        }
    }

    /// The first candidate answered, with this many of the 100 tokens expected, this long after its call.
    fn regret(candidates: Vec<Candidate>, tokens: u32, took_s: f64) -> Option<f64> {
        let first = candidates.first()?;
        let mut outcome = Outcome {
            host: Some(first.host.clone()),
            model: Some(first.model.clone()),
            ..Outcome::default()
        };
        outcome.usage.output_tokens = tokens;
        (outcome.ms.queue, outcome.ms.total) = (7_000.0, 7_000.0 + took_s * 1e3);
        let decision = Decision {
            chosen: None,
            reason: String::new(),
            predicted_ms: 0.0,
            task: Task::Chat,
            mode: Mode::Balanced,
            prompt_tokens: 1,
            output_tokens: 100,
            candidates,
            dropped: Vec::new(),
            signals: Vec::new(),
            notes: Vec::new(),
            plan: None,
            comparison: None,
        };
        regret_s(&decision, &outcome)
    }

    #[test]
    fn what_the_next_best_would_have_saved_is_regretted() {
        let two = || vec![candidate("pc", 2.0, 0.0), candidate("nas", 3.0, 0.0)];
        assert_eq!(regret(two(), 100, 2.5), Some(0.0), "worse than expected, better than the other");
        assert_eq!(regret(two(), 100, 5.0), Some(2.0));
        assert_eq!(regret(two(), 200, 5.0), Some(0.0), "the other would have written twice as much, too");
        assert_eq!(regret(vec![candidate("pc", 2.0, 0.0)], 100, 5.0), None, "there was no other");
    }

    #[test]
    fn a_price_that_was_paid_on_purpose_is_not() {
        let quick_but_poor = candidate("nas", 1.0, 4.0);
        assert_eq!(regret(vec![candidate("pc", 3.0, 0.0), quick_but_poor], 100, 4.0), Some(0.0));
    }
}
