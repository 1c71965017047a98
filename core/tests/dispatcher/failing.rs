//! What failures lead to.

use smart_ai_core::{
    AttemptId, Capability, Config, DispatchErrorCode, Effect, Event, Failure, FailureKind, HostConfig,
    HostReport, HostState, JobId, ModelDetails, ModelState, ModelTag, Request, Source,
};

use crate::world::{Fleet, ask, call, called, code, rejection, usage};

#[test]
fn each_failure_leads_to_the_arm_that_avoids_it() {
    let expected = [
        (FailureKind::Unreachable, "m@b"),
        (FailureKind::ConnectTimeout, "m@b"),
        (FailureKind::Unauthorized, "m@b"),
        (FailureKind::Busy, "m@b"),
        (FailureKind::RateLimited, "m@b"),
        (FailureKind::BadProtocol, "m@b"),
        (FailureKind::RouteMissing, "m@b"),
        (FailureKind::TooLarge, "m@b"),
        (FailureKind::AccountRefused, "other@a"),
        (FailureKind::InputFailed, "other@a"),
        // Nothing moved on the host meanwhile.
        (FailureKind::FirstTokenTimeout, "m@b"),
        (FailureKind::Stalled, "m@b"),
        (FailureKind::LoadTimeout, "other@a"),
        (FailureKind::ModelMissing, "other@a"),
        (FailureKind::OutOfMemory, "other@a"),
        (FailureKind::NotCapable, "other@a"),
        (FailureKind::ServerError, "other@a"),
        (FailureKind::CutOff, "other@a"),
        // The arm that failed is asked once more, with more context.
        (FailureKind::ContextTooSmall, "m@a"),
    ];
    for (kind, next) in expected {
        let mut fleet = Fleet::of(&["a", "b"]);
        fleet.up("a", &[("m", 2.0), ("other", 2.0)], &["m", "other"]);
        fleet.up("b", &[("m", 2.0)], &[]);
        assert_eq!(called(&fleet.submit(1, ask())), "m@a");
        assert_eq!(called(&fleet.fail(1, kind)), next, "{kind:?}");
    }
}

/// What one request caused says nothing to the others: the same host answers the next one at once.
#[test]
fn a_failure_that_the_request_caused_shuts_nobody_out() {
    let of_request = [
        FailureKind::Unauthorized,
        FailureKind::RouteMissing,
        FailureKind::TooLarge,
        FailureKind::InputFailed,
    ];
    for kind in of_request {
        let mut fleet = Fleet::of(&["a"]);
        fleet.up("a", &[("m", 2.0)], &["m"]);
        for job in 1..=6 {
            let route = Some(format!("/v1/{job}"));
            fleet.submit(job, Request { route, model: Some("m".into()), ..ask() });
            let effects = fleet.fail(job, kind);
            // Whether every call would be refused, a look tells.
            let told = code(&effects).or_else(|| code(&fleet.up("a", &[("m", 2.0)], &["m"])));
            assert!(told.is_some(), "{kind:?} is told at once");
        }
        assert_eq!(called(&fleet.submit(7, ask())), "m@a", "after {kind:?}");
    }
}

#[test]
fn a_host_that_lacks_a_route_is_passed_over_until_its_version_changes() {
    let mut fleet = Fleet::of(&["a", "b"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.up("b", &[("m", 2.0)], &[]);
    let on = |route: &str| Request { route: Some(route.into()), model: Some("m".into()), ..ask() };
    assert_eq!(called(&fleet.submit(1, on("/v1/responses"))), "m@a");
    assert_eq!(called(&fleet.fail(1, FailureKind::RouteMissing)), "m@b");
    assert_eq!(code(&fleet.fail(2, FailureKind::RouteMissing)), Some(DispatchErrorCode::RouteMissing));
    assert_eq!(code(&fleet.submit(2, on("/v1/responses"))), Some(DispatchErrorCode::RouteMissing));
    assert_eq!(called(&fleet.submit(3, on("/v1/chat/completions"))), "m@a");
    let report = HostReport { version: Some("0.30.0".into()), models: None, resident: None };
    fleet.step(Event::HostState { host: "b".into(), state: HostState::Up(report) });
    assert_eq!(called(&fleet.submit(4, on("/v1/responses"))), "m@b");
}

#[test]
fn a_limit_of_an_account_in_the_cloud_is_told_at_once_and_rests_that_model_alone() {
    let mut fleet = Fleet::of(&["a"]);
    let tag = |name: &str, remote| ModelTag { name: name.into(), remote, ..ModelTag::default() };
    let report = HostReport {
        version: Some("0.24.0".into()),
        models: Some(vec![tag("m", false), tag("big:cloud", true)]),
        resident: Some(Vec::new()),
    };
    fleet.step(Event::HostState { host: "a".into(), state: HostState::Up(report) });
    let details = ModelDetails { capabilities: vec![Capability::Completion], ..ModelDetails::default() };
    let state = ModelState::Known(details);
    fleet.step(Event::ModelState { host: "a".into(), model: "m".into(), state });
    assert_eq!(called(&fleet.submit(1, Request { model: Some("big:cloud".into()), ..ask() })), "big:cloud@a");
    let limit = Failure {
        retry_after_ms: Some(3_600_000),
        ..Failure::new(FailureKind::RateLimited, "you have reached your hourly limit")
    };
    let effects = fleet.step(Event::Failed { attempt: AttemptId(1), failure: limit }).effects;
    assert_eq!(code(&effects), Some(DispatchErrorCode::AllFailed));
    assert_eq!(called(&fleet.submit(2, Request { model: Some("m".into()), ..ask() })), "m@a");
}

#[test]
fn a_refused_request_is_not_repeated_elsewhere() {
    let mut fleet = Fleet::of(&["a", "b"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.up("b", &[("m", 2.0)], &["m"]);
    fleet.submit(1, ask());
    assert_eq!(code(&fleet.fail(1, FailureKind::BadRequest)), Some(DispatchErrorCode::RequestRefused));
}

#[test]
fn a_busy_lone_host_is_tried_again_after_a_pause() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.submit(1, ask());
    let effects = fleet.fail(1, FailureKind::Busy);
    assert_eq!((call(&effects), rejection(&effects)), (None, None));
    let mut again = None;
    while again.is_none() && fleet.now < 2_000 {
        fleet.now = fleet.dispatcher.poll_timeout().map_or(u64::MAX, |at| at.0);
        again = call(&fleet.step(Event::Tick).effects);
    }
    assert!(again.is_some() && (1_030..=1_100).contains(&fleet.now), "{}", fleet.now);
}

#[test]
fn all_hosts_down_names_each_after_a_second_look() {
    let mut fleet = Fleet::of(&["a", "b"]);
    fleet.step(Event::Tick);
    fleet.down("a");
    fleet.down("b");
    fleet.now += 60_000;
    assert_eq!(rejection(&fleet.submit(1, ask())), None);
    fleet.down("a");
    let (code, message) =
        rejection(&fleet.down("b")).unwrap_or((DispatchErrorCode::Cancelled, String::new()));
    assert_eq!(code, DispatchErrorCode::NoHost);
    assert!(message.contains("a: unreachable") && message.contains("b: unreachable"), "{message}");
}

/// Two hosts with the same model, both loaded.
fn pair() -> Fleet {
    let mut fleet = Fleet::of(&["a", "b"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.up("b", &[("m", 2.0)], &["m"]);
    fleet
}

fn on_a(request: Request) -> Request {
    Request { host: Some("a".into()), ..request }
}

#[test]
fn a_lost_connection_brings_a_look_at_once_and_then_one_call_at_a_time() {
    let mut fleet = pair();
    fleet.submit(1, ask());
    let effects = fleet.fail(1, FailureKind::Unreachable);
    let look = Effect::Refresh { source: Source::Host { host: "a".into() }, within_ms: 25_000 };
    assert!(effects.contains(&look), "{effects:?}");
    assert_eq!(called(&effects), "m@b");
    fleet.up("a", &[("m", 2.0)], &["m"]);
    assert_eq!(called(&fleet.submit(2, on_a(ask()))), "m@a");
    assert_eq!(call(&fleet.submit(3, on_a(ask()))), None, "one call shows whether the host is well");
    let step = fleet.step(Event::Succeeded { attempt: AttemptId(3), usage: usage() });
    assert_eq!(called(&step.effects), "m@a");
}

#[test]
fn where_every_host_rests_a_job_waits_for_the_first_to_come_back() {
    let mut fleet = pair();
    let rest = |ms| Failure { retry_after_ms: Some(ms), ..Failure::new(FailureKind::Busy, "") };
    for (job, ms) in [(1, 20_000), (2, 9_000)] {
        fleet.submit(job, Request { host: Some(if job == 1 { "a" } else { "b" }.into()), ..ask() });
        fleet.step(Event::Failed { attempt: AttemptId(job), failure: rest(ms) });
        fleet.step(Event::Cancel { job: JobId(job) });
    }
    assert_eq!(call(&fleet.submit(3, ask())), None);
    let mut found = None;
    while found.is_none() && fleet.now < 60_000 {
        fleet.now = fleet.dispatcher.poll_timeout().map_or(u64::MAX, |at| at.0);
        for host in ["a", "b"] {
            found = found.or(call(&fleet.up(host, &[("m", 2.0)], &["m"])));
        }
    }
    assert_eq!(found, Some("m@b".to_owned()));
    assert!((10_000..11_100).contains(&fleet.now), "{}", fleet.now);
}

#[test]
fn a_host_that_is_busy_for_a_while_uses_up_no_calls_but_not_for_ever() {
    for (busy, expected) in [(14, None), (100, Some(DispatchErrorCode::AllFailed))] {
        let mut fleet = Fleet::of(&["a"]);
        fleet.up("a", &[("m", 2.0)], &["m"]);
        let mut effects = fleet.submit(1, ask());
        let (mut calls, mut end) = (0, None);
        while end.is_none() && calls <= busy && fleet.now < 200_000 {
            if call(&effects).is_some() {
                calls += 1;
                effects = if calls > busy { Vec::new() } else { fleet.fail(calls, FailureKind::Busy) };
            } else {
                fleet.now = fleet.dispatcher.poll_timeout().map_or(u64::MAX, |at| at.0);
                effects = fleet.up("a", &[("m", 2.0)], &["m"]);
            }
            end = end.or(code(&effects));
        }
        assert_eq!((end, calls), (expected, if expected.is_none() { 15 } else { 16 }));
    }
}

#[test]
fn a_host_that_served_before_is_waited_for_half_a_minute() {
    for (returns, expected) in [(true, None), (false, Some(DispatchErrorCode::NoHost))] {
        let mut fleet = Fleet::of(&["a"]);
        fleet.up("a", &[("m", 2.0)], &["m"]);
        fleet.down("a");
        assert_eq!(code(&fleet.submit(1, ask())), None);
        let (mut end, mut found) = (None, None);
        while end.is_none() && found.is_none() && fleet.now < 60_000 {
            fleet.now = fleet.dispatcher.poll_timeout().map_or(u64::MAX, |at| at.0);
            let back = returns && fleet.now > 10_000;
            let effects = if back { fleet.up("a", &[("m", 2.0)], &["m"]) } else { fleet.down("a") };
            (end, found) = (code(&effects), call(&effects));
        }
        assert_eq!((end, found), (expected, returns.then(|| "m@a".to_owned())));
        assert!(fleet.now < if returns { 12_000 } else { 33_000 }, "{}", fleet.now);
    }
}

#[test]
fn an_arm_that_crashes_again_and_again_is_left_alone_but_never_the_only_one() {
    for (hosts, expected) in [(vec!["a", "b"], "m@b"), (vec!["a"], "m@a")] {
        let mut fleet = Fleet::of(&hosts);
        for host in &hosts {
            fleet.up(host, &[("m", 2.0)], if *host == "a" { &["m"] } else { &[] });
        }
        for job in 1..=3 {
            fleet.submit(job, on_a(ask()));
            fleet.fail(job, FailureKind::ServerError);
            fleet.step(Event::Cancel { job: JobId(job) });
        }
        assert_eq!(called(&fleet.submit(4, ask())), expected);
    }
}

#[test]
fn silence_speaks_against_the_host_where_nothing_else_moves_on_it() {
    for (moves, next) in [(false, None), (true, Some("n@a".to_owned()))] {
        let mut config = Config::new(vec![HostConfig::new("a")]);
        config.tuning.turns = 0.0;
        let mut fleet = Fleet::new(config);
        fleet.up("a", &[("m", 2.0), ("n", 2.0)], &["m", "n"]);
        let on = |model: &str| Request { model: Some(model.into()), ..ask() };
        fleet.submit(1, on("n"));
        fleet.step(Event::FirstToken { attempt: AttemptId(1) });
        fleet.submit(2, on("m"));
        fleet.step(Event::FirstToken { attempt: AttemptId(2) });
        let mut tokens = 1;
        for _ in 0..35 {
            fleet.now += 1_000;
            tokens += 5;
            if moves {
                fleet.step(Event::Progress { attempt: AttemptId(1), tokens });
            }
            fleet.step(Event::Tick);
        }
        fleet.step(Event::Cancel { job: JobId(1) });
        let found = call(&fleet.submit(3, on("n")));
        assert_eq!(found, next, "moves: {moves}");
    }
}

#[test]
fn out_of_memory_leads_to_less_of_it() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("large", 9.0), ("middle", 5.0)], &[]);
    assert_eq!(called(&fleet.submit(1, ask())), "middle@a");
    assert_eq!(code(&fleet.fail(1, FailureKind::OutOfMemory)), Some(DispatchErrorCode::AllFailed));
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0)], &[]);
    let details = ModelDetails {
        capabilities: vec![Capability::Completion],
        num_ctx: Some(4_096),
        ..ModelDetails::default()
    };
    let state = ModelState::Known(details);
    fleet.step(Event::ModelState { host: "a".into(), model: "m".into(), state });
    let long = Request { prompt_tokens: 6_000, ..ask() };
    fleet.submit(1, long.clone());
    fleet.fail(1, FailureKind::OutOfMemory);
    assert_eq!(call(&fleet.submit(2, long)), None);
    assert_eq!(called(&fleet.submit(3, ask())), "m@a");
}

#[test]
fn second_calls_beyond_the_budget_wait_a_moment_first() {
    let mut fleet = pair();
    let mut at_once = 0;
    for job in 1..=60_u64 {
        let effects = fleet.submit(job, ask());
        let first = effects.iter().find_map(attempt_of);
        let Some(first) = first else { continue };
        let effects = fleet.fail(first, FailureKind::CutOff);
        let second = effects.iter().find_map(attempt_of);
        at_once += u32::from(second.is_some());
        if let Some(attempt) = second {
            fleet.step(Event::Succeeded { attempt: AttemptId(attempt), usage: usage() });
        } else {
            fleet.step(Event::Cancel { job: JobId(job) });
        }
    }
    assert!((20..=40).contains(&at_once), "{at_once}");
}

fn attempt_of(effect: &Effect) -> Option<u64> {
    if let Effect::Call { attempt, .. } = effect { Some(attempt.0) } else { None }
}
