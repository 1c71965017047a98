//! A call from its start to its end.

use smart_ai_core::{
    AttemptId, DispatchErrorCode, Effect, Event, FailureKind, JobId, Millis, Mode, Outcome, Request, Source,
    Usage,
};

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
    let times = effects.iter().find_map(|effect| {
        if let Effect::Resolve { outcome, .. } = effect {
            Some((outcome.ms.first_token, outcome.ms.total))
        } else {
            None
        }
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

/// Three answers of 20 tokens a second: the arm is known.
fn known(fleet: &mut Fleet, host: &str) {
    for job in 900..904 {
        let effects = fleet.submit(job, Request { host: Some(host.into()), ..ask() });
        let attempt = attempt(&effects);
        fleet.after(10, Event::FirstToken { attempt });
        fleet.after(5_000, Event::Succeeded { attempt, usage: usage() });
        fleet.dispatcher.step(Millis(fleet.now), Event::Cancel { job: JobId(job) });
        fleet.now += 10;
    }
}

fn attempt(effects: &[Effect]) -> AttemptId {
    let of = |effect: &Effect| if let Effect::Call { attempt, .. } = effect { Some(*attempt) } else { None };
    effects.iter().find_map(of).unwrap_or(AttemptId(0))
}

/// Lets time pass until something is called, aborted or ended, while every host keeps answering looks.
fn until_something(fleet: &mut Fleet, hosts: &[(&str, &[&str])], limit_ms: u64) -> Vec<Effect> {
    let limit = fleet.now + limit_ms;
    while fleet.now < limit {
        fleet.now = fleet.dispatcher.poll_timeout().map_or(limit, |at| at.0).min(limit);
        let mut effects = fleet.step(Event::Tick).effects;
        let looks: Vec<String> = effects.iter().filter_map(looked_at).collect();
        for (host, loaded) in hosts.iter().filter(|(host, _)| looks.iter().any(|look| look == host)) {
            effects.extend(fleet.up(host, &[("m", 2.0)], loaded));
        }
        effects.retain(|effect| !matches!(effect, Effect::Refresh { .. }));
        if !effects.is_empty() {
            return effects;
        }
    }
    Vec::new()
}

fn looked_at(effect: &Effect) -> Option<String> {
    if let Effect::Refresh { source: Source::Host { host }, .. } = effect {
        Some(host.to_string())
    } else {
        None
    }
}

fn pair() -> Fleet {
    let mut fleet = Fleet::of(&["a", "b"]);
    for host in ["a", "b"] {
        fleet.up(host, &[("m", 2.0)], &["m"]);
        known(&mut fleet, host);
    }
    fleet
}

const LOADED: [(&str, &[&str]); 2] = [("a", &["m"]), ("b", &["m"])];

#[test]
fn a_late_first_piece_brings_a_second_call_elsewhere_and_the_first_to_speak_is_kept() {
    for second_wins in [true, false] {
        let mut fleet = pair();
        let first = attempt(&fleet.submit(1, ask()));
        let began = fleet.now;
        let effects = until_something(&mut fleet, &LOADED, 60_000);
        let second = attempt(&effects);
        assert!(second > first && fleet.now - began < 5_000, "{effects:?} at {}", fleet.now - began);
        let (winner, loser) = if second_wins { (second, first) } else { (first, second) };
        let step = fleet.after(10, Event::FirstToken { attempt: winner });
        assert_eq!(step.effects, [Effect::Abort { attempt: loser }]);
        let step = fleet.after(1_000, Event::Succeeded { attempt: winner, usage: usage() });
        let ends: Vec<&Outcome> = step.effects.iter().filter_map(outcome).collect();
        let words: Vec<&str> =
            ends.iter().flat_map(|end| &end.attempts).map(|report| report.outcome.as_str()).collect();
        assert_eq!(words, ["overtaken", "ok"]);
        assert!(ends.iter().all(|end| end.attempt == Some(winner)));
    }
}

#[test]
fn a_late_call_for_which_no_other_host_is_free_gets_a_second_one_as_soon_as_one_is() {
    let mut fleet = pair();
    let on_b = Request { host: Some("b".into()), max_tokens: Some(4_000), deadline_ms: None, ..ask() };
    for job in 1..=8 {
        let attempt = attempt(&fleet.submit(job, on_b.clone()));
        fleet.step(Event::FirstToken { attempt });
    }
    let first = attempt(&fleet.submit(9, Request { host: None, ..ask() }));
    // The second call is due after two seconds at the earliest, and finds the other host full.
    let effects = until_something(&mut fleet, &LOADED, 5_000);
    assert_eq!(call(&effects), None);
    // Another job waits for that host. The late call has waited longer.
    assert_eq!(call(&fleet.submit(10, on_b)), None);
    let effects = fleet.step(Event::Cancel { job: JobId(1) }).effects;
    assert!(attempt(&effects) > first, "{effects:?}");
    let is_late_one = |effect: &Effect| matches!(effect, Effect::Call { job: JobId(9), .. });
    assert!(effects.iter().any(is_late_one), "{effects:?}");
    assert_eq!(called(&effects), "m@b");
}

fn outcome(effect: &Effect) -> Option<&Outcome> {
    if let Effect::Resolve { outcome, .. } | Effect::Reject { outcome, .. } = effect {
        Some(outcome)
    } else {
        None
    }
}

#[test]
fn one_of_two_calls_may_fail_and_a_cancel_closes_both() {
    let mut fleet = pair();
    let first = attempt(&fleet.submit(1, ask()));
    let second = attempt(&until_something(&mut fleet, &LOADED, 60_000));
    let effects = fleet.fail(first.0, FailureKind::Unreachable);
    assert!(call(&effects).is_none() && code(&effects).is_none(), "{effects:?}");
    let effects = fleet.step(Event::Succeeded { attempt: second, usage: usage() }).effects;
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Resolve { .. })), "{effects:?}");

    let mut fleet = pair();
    let first = attempt(&fleet.submit(1, ask()));
    let second = attempt(&until_something(&mut fleet, &LOADED, 60_000));
    let effects = fleet.step(Event::Cancel { job: JobId(1) }).effects;
    for attempt in [first, second] {
        assert!(effects.contains(&Effect::Abort { attempt }), "{effects:?}");
    }
}

#[test]
fn second_calls_are_few_among_all() {
    let mut fleet = pair();
    let mut hedged = 0;
    for job in 1..=60 {
        let first = attempt(&fleet.submit(job, ask()));
        let effects = until_something(&mut fleet, &LOADED, 4_000);
        hedged += u32::from(attempt(&effects) > first);
        fleet.step(Event::Cancel { job: JobId(job) });
    }
    assert!((5..=9).contains(&hedged), "{hedged}");
}

#[test]
fn a_known_arm_that_hangs_is_given_up_within_seconds_and_its_host_is_left_alone() {
    let mut fleet = Fleet::of(&["a", "b"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.up("b", &[("m", 2.0)], &[]);
    known(&mut fleet, "a");
    let hosts: [(&str, &[&str]); 2] = [("a", &["m"]), ("b", &[])];
    let first = attempt(&fleet.submit(1, Request { deadline_ms: None, ..ask() }));
    let began = fleet.now;
    let effects = until_something(&mut fleet, &hosts, 60_000);
    assert!(effects.contains(&Effect::Abort { attempt: first }) && fleet.now - began < 15_000, "{effects:?}");
    assert_eq!(called(&effects), "m@b");
    let decision = fleet.dispatcher.decide(Millis(fleet.now), &ask());
    assert!(decision.dropped.iter().any(|drop| drop.host == "a".into()), "{:?}", decision.dropped);
}

#[test]
fn a_load_too_long_for_the_deadline_goes_on_while_another_arm_answers_in_time() {
    let mut fleet = Fleet::of(&["a", "b"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.up("b", &[("m", 2.0)], &[]);
    known(&mut fleet, "a");
    let deadline = Request { deadline_ms: Some(40_000), ..ask() };
    // `a` is busy, so that `b` is asked to load.
    fleet.submit(1, Request { host: Some("a".into()), max_tokens: Some(4_000), ..ask() });
    let busy = fleet.dispatcher.snapshot().calls;
    let cold = attempt(&fleet.submit(2, deadline));
    assert!(busy == 1 && cold > AttemptId(0));
    fleet.step(Event::Cancel { job: JobId(1) });
    let began = fleet.now;
    let hosts: [(&str, &[&str]); 2] = [("a", &["m"]), ("b", &[])];
    let effects = until_something(&mut fleet, &hosts, 39_000);
    assert_eq!(called(&effects), "m@a", "{effects:?}");
    assert!(!effects.contains(&Effect::Abort { attempt: cold }), "{effects:?}");
    let second = attempt(&effects);
    let left_ms = began + 40_000 - fleet.now;
    assert!((5_000..25_000).contains(&left_ms), "{left_ms}");
    let effects = fleet.after(5_000, Event::Succeeded { attempt: second, usage: usage() }).effects;
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Resolve { .. })), "{effects:?}");
    let effects = fleet.after(60_000, Event::FirstToken { attempt: cold }).effects;
    assert!(effects.contains(&Effect::Abort { attempt: cold }), "{effects:?}");
    let decision = fleet.dispatcher.decide(Millis(fleet.now), &ask());
    assert!(decision.candidates.iter().any(|arm| arm.host == "b".into() && arm.resident));
}

#[test]
fn a_look_that_shows_the_model_ends_the_load_and_frees_a_call_nobody_waits_for() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0)], &[]);
    let cold = attempt(&fleet.submit(1, ask()));
    let effects = fleet.step(Event::Cancel { job: JobId(1) }).effects;
    assert!(!effects.contains(&Effect::Abort { attempt: cold }), "{effects:?}");
    fleet.submit(2, ask());
    fleet.after(6_000, Event::Tick);
    let effects = fleet.after(10, Event::Tick).effects;
    assert!(effects.is_empty(), "{effects:?}");
    let effects = fleet.up("a", &[("m", 2.0)], &["m"]);
    assert!(effects.contains(&Effect::Abort { attempt: cold }), "{effects:?}");
    assert_eq!(called(&effects), "m@a");
}

/// An answer of 400 tokens a second.
fn quick() -> Usage {
    Usage { output_ms: 250.0, prompt_ms: 10.0, total_ms: 260.0, ..usage() }
}

/// `b` has the model in memory, `a` loads it for the second of two jobs that come at once.
fn loading() -> (Fleet, AttemptId, AttemptId) {
    let mut fleet = Fleet::of(&["a", "b"]);
    fleet.up("a", &[("m", 2.0)], &[]);
    fleet.up("b", &[("m", 2.0)], &["m"]);
    let warm = fleet.submit(1, ask());
    let cold = fleet.submit(2, ask());
    assert_eq!((called(&warm), called(&cold)), ("m@b".into(), "m@a".into()));
    (fleet, attempt(&warm), attempt(&cold))
}

fn answered(fleet: &mut Fleet, attempt: AttemptId) -> Vec<Effect> {
    fleet.after(10, Event::FirstToken { attempt });
    fleet.after(250, Event::Succeeded { attempt, usage: quick() }).effects
}

#[test]
fn a_call_that_waits_for_its_load_is_answered_by_a_host_that_turns_out_quick_and_the_load_goes_on() {
    let (mut fleet, warm, cold) = loading();
    let effects = answered(&mut fleet, warm);
    let second = attempt(&effects);
    assert_eq!(called(&effects), "m@b", "{effects:?}");
    let effects = answered(&mut fleet, second);
    let end = effects.iter().find_map(outcome).map(|end| (end.attempt, end.ms.total < 1_000.0));
    assert_eq!(end, Some((Some(second), true)), "{effects:?}");
    assert!(!effects.contains(&Effect::Abort { attempt: cold }), "{effects:?}");
    let effects = fleet.after(8_000, Event::FirstToken { attempt: cold }).effects;
    assert_eq!(effects, [Effect::Abort { attempt: cold }]);
}

#[test]
fn a_load_that_ends_first_answers_though_a_second_call_is_made() {
    let (mut fleet, warm, cold) = loading();
    let second = attempt(&answered(&mut fleet, warm));
    let effects = fleet.after(10, Event::FirstToken { attempt: cold }).effects;
    assert_eq!(effects, [Effect::Abort { attempt: second }]);
}

#[test]
fn a_host_for_which_another_job_waits_is_not_taken_from_it_by_a_call_that_loads() {
    let (mut fleet, warm, _) = loading();
    let on_b = Request { host: Some("b".into()), ..ask() };
    assert_eq!(call(&fleet.submit(3, on_b)), None);
    let effects = answered(&mut fleet, warm);
    let calls: Vec<JobId> = effects.iter().filter_map(job_called).collect();
    assert_eq!(calls, [JobId(3)]);
}

fn job_called(effect: &Effect) -> Option<JobId> {
    if let Effect::Call { job, .. } = effect { Some(*job) } else { None }
}

#[test]
fn a_call_that_loads_gets_no_second_one_where_that_saves_little() {
    let (mut fleet, ..) = loading();
    let effects = fleet.step(Event::Cancel { job: JobId(1) }).effects;
    assert_eq!(call(&effects), None, "nothing says that `b` is quicker");
}

#[test]
fn a_better_model_that_loads_is_waited_for_where_the_best_is_asked_for() {
    for (mode, hedged) in [(Mode::Best, false), (Mode::Fast, true)] {
        let mut fleet = Fleet::of(&["a", "b"]);
        fleet.up("a", &[("large", 9.0)], &[]);
        fleet.down("b");
        assert_eq!(called(&fleet.submit(1, Request { mode, ..ask() })), "large@a");
        let effects = fleet.up("b", &[("m", 2.0)], &["m"]);
        assert_eq!(call(&effects), hedged.then(|| "m@b".to_owned()), "{mode:?}");
    }
}
