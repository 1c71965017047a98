//! What a gradual rollout compares.

use smart_ai_core::{Comparison, Effect, JobId, Millis, Request, Trial};

use crate::world::{Fleet, ask, called};

/// Two hosts; the model that the caller names is cold, another one is loaded.
fn fleet() -> Fleet {
    let mut fleet = Fleet::of(&["pc", "nas"]);
    for host in ["pc", "nas"] {
        fleet.up(host, &[("small", 1.0), ("large", 9.0)], &["small"]);
    }
    fleet
}

fn trial(switched: bool) -> Request {
    let named = Some("large".into());
    let model = if switched { None } else { named.clone() };
    Request { model, trial: Some(Trial { switched, model: named, host: None }), ..ask() }
}

#[expect(clippy::expect_used, reason = "a request in a trial is compared")]
fn compared(fleet: &Fleet) -> Comparison {
    let decision = fleet.dispatcher.decision(JobId(1));
    decision.and_then(|decision| decision.comparison).expect("a comparison")
}

fn models(comparison: &Comparison) -> (Option<&str>, Option<&str>) {
    let named = comparison.named.as_ref().map(|arm| arm.model.as_str());
    (named, comparison.chosen.as_ref().map(|arm| arm.model.as_str()))
}

#[test]
fn in_shadow_the_named_model_runs_and_the_decision_tells_what_was_to_be_gained() {
    let mut fleet = fleet();
    assert!(called(&fleet.submit(1, trial(false))).starts_with("large@"));
    let comparison = compared(&fleet);
    assert!(!comparison.switched);
    assert_eq!(models(&comparison), (Some("large"), Some("small")));
    assert!(comparison.gain_ms > 0.0, "{comparison:?}");
}

#[test]
fn switched_the_choice_runs_and_the_named_model_is_what_it_is_compared_with() {
    let mut fleet = fleet();
    let dry = fleet.dispatcher.decide(Millis(fleet.now), &trial(true));
    assert!(called(&fleet.submit(1, trial(true))).starts_with("small@"));
    let comparison = compared(&fleet);
    assert!(comparison.switched);
    assert_eq!(models(&comparison), (Some("large"), Some("small")));
    assert_eq!(dry.comparison, Some(comparison), "a dry run tells the same");
    assert_eq!(fleet.dispatcher.decide(Millis(fleet.now), &ask()).comparison, None);
}

#[test]
fn a_named_model_that_nobody_has_is_compared_with_by_its_absence() {
    let mut fleet = fleet();
    let trial = Some(Trial { switched: true, model: Some("gone".into()), host: None });
    let effects = fleet.submit(1, Request { trial, ..ask() });
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Call { .. })));
    let comparison = compared(&fleet);
    assert_eq!((models(&comparison), comparison.gain_ms), ((None, Some("small")), 0.0));
}
