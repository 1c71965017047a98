//! Answers that are none: the next try goes up in quality.

use smart_ai_core::{DispatchErrorCode, Effect, FailureKind, Mode, Outcome};

use crate::world::{Fleet, ask, called, rejection};

/// Two hosts; on each a small model, and on one a large one.
fn fleet() -> Fleet {
    let mut fleet = Fleet::of(&["a", "b"]);
    fleet.up("a", &[("small", 1.0), ("large", 8.0)], &["small", "large"]);
    fleet.up("b", &[("small", 1.0)], &["small"]);
    fleet
}

fn outcome(effects: &[Effect]) -> Option<&Outcome> {
    effects.iter().find_map(|effect| {
        if let Effect::Resolve { outcome, .. } | Effect::Reject { outcome, .. } = effect {
            Some(outcome)
        } else {
            None
        }
    })
}

#[test]
fn an_answer_that_is_none_is_asked_of_a_better_model_not_of_another_host() {
    for kind in [FailureKind::InvalidAnswer, FailureKind::EmptyAnswer, FailureKind::RefusedAnswer] {
        let mut fleet = fleet();
        let mut request = ask();
        request.mode = Mode::Fast;
        assert!(called(&fleet.submit(1, request)).starts_with("small@"));
        assert_eq!(called(&fleet.fail(1, kind)), "large@a", "{kind:?}");
    }
}

#[test]
fn where_no_better_model_is_left_the_job_ends_with_what_came() {
    let mut fleet = fleet();
    let mut request = ask();
    request.mode = Mode::Fast;
    fleet.submit(1, request);
    fleet.fail(1, FailureKind::InvalidAnswer);
    let ended = fleet.fail(2, FailureKind::InvalidAnswer);
    assert_eq!(rejection(&ended).map(|(code, _)| code), Some(DispatchErrorCode::InvalidAnswer));
    let outcome = outcome(&ended);
    assert_eq!(outcome.and_then(|outcome| outcome.attempt).map(|attempt| attempt.0), Some(2));
    assert_eq!(outcome.map(|outcome| outcome.attempts.len()), Some(2));
}

#[test]
fn a_refusal_of_the_best_model_is_the_answer() {
    let mut fleet = fleet();
    let mut request = ask();
    request.model = Some("large".into());
    fleet.submit(1, request);
    let ended = fleet.fail(1, FailureKind::RefusedAnswer);
    assert!(ended.iter().any(|effect| matches!(effect, Effect::Resolve { .. })), "{ended:?}");
    let model = outcome(&ended).and_then(|outcome| outcome.model.clone());
    assert_eq!(model, Some("large".into()));
}

#[test]
fn the_lesson_is_learned_for_the_task() {
    let mut fleet = fleet();
    let quality = |fleet: &Fleet| {
        let hosts = fleet.dispatcher.snapshot().hosts;
        let models = hosts.iter().flat_map(|host| &host.models).filter(|model| model.model == "small".into());
        let by_task: Vec<(f64, f64)> = models
            .map(|model| {
                let of = |task| model.quality.get(&task).copied().unwrap_or(f64::NAN);
                (of(smart_ai_core::Task::General), of(smart_ai_core::Task::Code))
            })
            .collect();
        by_task
    };
    let before = quality(&fleet);
    let mut request = ask();
    request.mode = Mode::Fast;
    fleet.submit(1, request);
    fleet.fail(1, FailureKind::InvalidAnswer);
    for (before, after) in before.into_iter().zip(quality(&fleet)) {
        assert!(after.0 < before.0 - 0.03 && (after.1 - before.1).abs() < 1e-9, "{before:?} {after:?}");
    }
}
