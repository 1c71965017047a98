//! A call from its start to its end.

use smart_ai_core::{AttemptId, DispatchErrorCode, Effect, Event, FailureKind, JobId, Request};

use crate::world::{Fleet, ask, call, called, code, decode_rate, usage};

#[test]
fn an_answer_resolves_teaches_and_is_explained() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.submit(1, ask());
    let attempt = AttemptId(1);
    fleet.after(20, Event::Started { attempt });
    fleet.after(500, Event::FirstToken { attempt });
    let effects = fleet.after(5_000, Event::Succeeded { attempt, usage: usage() }).effects;
    let times = effects.iter().find_map(|effect| match effect {
        Effect::Resolve { outcome, .. } => Some((outcome.ms.first_token, outcome.ms.total)),
        Effect::Abort { .. } | Effect::Reject { .. } | Effect::Call { .. } | Effect::Refresh { .. } => None,
    });
    assert_eq!(times, Some((520.0, 5_520.0)));
    assert!(
        fleet
            .dispatcher
            .decision(JobId(1))
            .is_some_and(|decision| decision.reason.contains("m on a (loaded)"))
    );
    let decode = decode_rate(&fleet);
    assert!((17.0..22.0).contains(&decode), "{decode}");
    fleet.step(Event::Tick);
    assert!(fleet.dispatcher.decision(JobId(1)).is_none());
}

#[test]
fn a_load_is_never_cut_short() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 1.0)], &[]);
    let mut request = ask();
    request.deadline_ms = Some(1_000);
    fleet.submit(1, request);
    let effects = fleet.after(1_000, Event::Tick).effects;
    assert_eq!(code(&effects), Some(DispatchErrorCode::DeadlineExceeded));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Abort { .. })), "{effects:?}");
    let effects = fleet.after(3_000, Event::FirstToken { attempt: AttemptId(1) }).effects;
    assert!(effects.contains(&Effect::Abort { attempt: AttemptId(1) }), "{effects:?}");
}

#[test]
fn a_broken_stream_restarts_elsewhere_only_if_nothing_was_handed_out() {
    for (streaming, restarted) in [(false, true), (true, false)] {
        let mut fleet = Fleet::of(&["a", "b"]);
        fleet.up("a", &[("m", 2.0)], &["m"]);
        fleet.up("b", &[("m", 2.0)], &["m"]);
        fleet.submit(1, Request { streaming, ..ask() });
        fleet.step(Event::FirstToken { attempt: AttemptId(1) });
        let effects = fleet.fail(1, FailureKind::CutOff);
        assert_eq!(call(&effects).is_some(), restarted);
        assert_eq!(code(&effects), (!restarted).then_some(DispatchErrorCode::CutOff));
    }
}

#[test]
fn a_silent_answer_is_given_up_and_cancel_closes_the_call() {
    let mut fleet = Fleet::of(&["a", "b"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.up("b", &[("m", 2.0)], &["m"]);
    fleet.submit(1, ask());
    fleet.step(Event::FirstToken { attempt: AttemptId(1) });
    let effects = fleet.after(30_000, Event::Tick).effects;
    assert!(effects.contains(&Effect::Abort { attempt: AttemptId(1) }));
    assert_eq!(called(&effects), "m@b");
    fleet.step(Event::Started { attempt: AttemptId(2) });
    let effects = fleet.step(Event::Cancel { job: JobId(1) }).effects;
    assert!(effects.contains(&Effect::Abort { attempt: AttemptId(2) }));
    assert_eq!(code(&effects), Some(DispatchErrorCode::Cancelled));
}

#[test]
fn a_silent_call_is_kept_while_its_host_lives_and_no_other_arm_is_left() {
    for (lives, other) in [(true, false), (true, true), (false, false)] {
        let mut fleet = Fleet::of(&["a", "b"]);
        fleet.up("a", &[("m", 2.0)], &["m"]);
        fleet.up("b", if other { &[("m", 9.0)] } else { &[] }, &[]);
        assert_eq!(called(&fleet.submit(1, ask())), "m@a");
        let mut ended = Vec::new();
        for _ in 0..40 {
            ended = fleet.after(1_000, Event::Tick).effects;
            if call(&ended).is_some() || code(&ended).is_some() {
                break;
            }
            if lives {
                fleet.up("a", &[("m", 2.0)], &["m"]);
            }
        }
        assert_eq!(call(&ended), other.then(|| "m@b".to_owned()), "{lives} {other}");
        assert_eq!(code(&ended), (!lives).then_some(DispatchErrorCode::AllFailed), "{lives} {other}");
        if !other && lives {
            let effects = fleet.after(600_000, Event::Tick).effects;
            assert_eq!(code(&effects), Some(DispatchErrorCode::AllFailed));
        }
    }
}
