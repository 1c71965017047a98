//! The queue.

use smart_ai_core::{
    AttemptId, Config, DispatchError, DispatchErrorCode, Effect, Event, HostConfig, JobId, Millis, Request,
};

use crate::world::{Fleet, ask, call, called, code, usage};

#[test]
fn a_job_waits_here_until_its_arm_is_free_the_shortest_first() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    assert_eq!(called(&fleet.submit(1, ask())), "m@a");
    for (job, tokens) in [(2, 900), (3, 20)] {
        let request = Request { max_tokens: Some(tokens), ..ask() };
        assert_eq!(call(&fleet.submit(job, request)), None);
    }
    let waits = fleet.dispatcher.decision(JobId(2)).map(|decision| decision.reason);
    assert!(waits.is_some_and(|reason| reason.contains("m on a")));
    let calls = |effects: &[Effect]| {
        let job = |effect: &Effect| if let Effect::Call { job, .. } = effect { Some(job.0) } else { None };
        effects.iter().filter_map(job).collect::<Vec<u64>>()
    };
    let first = fleet.after(2_000, Event::Succeeded { attempt: AttemptId(1), usage: usage() });
    assert_eq!(calls(&first.effects), [3]);
    let next = fleet.after(2_000, Event::Succeeded { attempt: AttemptId(2), usage: usage() });
    assert_eq!(calls(&next.effects), [2]);
}

#[test]
fn a_long_job_is_not_passed_for_ever() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.submit(1, ask());
    fleet.submit(2, Request { max_tokens: Some(400), ..ask() });
    let short = Request { max_tokens: Some(5), ..ask() };
    let called = (3..200_u64).find(|job| {
        fleet.submit(*job, short.clone());
        let step = fleet.after(2_000, Event::Succeeded { attempt: AttemptId(*job - 2), usage: usage() });
        step.effects.iter().any(|effect| matches!(effect, Effect::Call { job: JobId(2), .. }))
    });
    assert!(called.is_some_and(|job| job > 4), "{called:?}");
}

/// A host that answers one request at a time.
fn one() -> HostConfig {
    HostConfig { parallel: Some(1), ..HostConfig::new("a") }
}

#[test]
fn nobody_waits_many_times_what_its_own_work_takes() {
    let first_long = |slowdown: f64| {
        let mut config = Config::new(vec![one()]);
        (config.tuning.age, config.tuning.slowdown) = (0.0, slowdown);
        let mut fleet = Fleet::new(config);
        fleet.up("a", &[("m", 2.0)], &["m"]);
        fleet.submit(1, ask());
        fleet.submit(2, Request { max_tokens: Some(400), ..ask() });
        let short = Request { max_tokens: Some(5), ..ask() };
        (3..200_u64).find(|job| {
            fleet.submit(*job, short.clone());
            let step = fleet.after(2_000, Event::Succeeded { attempt: AttemptId(*job - 2), usage: usage() });
            step.effects.iter().any(|effect| matches!(effect, Effect::Call { job: JobId(2), .. }))
        })
    };
    assert_eq!(first_long(0.0), None, "shorter ones come first for ever");
    let (strict, loose) = (first_long(1.0), first_long(3.0));
    assert!(strict.is_some() && loose > strict, "{strict:?} {loose:?}");
}

fn on(model: &str, tokens: u32) -> Request {
    Request { model: Some(model.into()), max_tokens: Some(tokens), ..ask() }
}

#[test]
fn a_job_lets_another_model_of_its_host_finish_first_unless_it_is_short_or_in_a_hurry() {
    let hurried = |request: Request| Request { deadline_ms: Some(20_000), ..request };
    let cases = [
        (on("n", 400), None),
        (on("n", 5), Some("n@a".to_owned())),
        (hurried(on("n", 400)), Some("n@a".to_owned())),
    ];
    for (second, expected) in cases {
        let mut fleet = Fleet::of(&["a"]);
        fleet.up("a", &[("m", 2.0), ("n", 2.0)], &["m", "n"]);
        assert_eq!(called(&fleet.submit(1, on("m", 200))), "m@a");
        assert_eq!(call(&fleet.submit(2, second.clone())), expected, "{second:?}");
        let step = fleet.after(2_000, Event::Succeeded { attempt: AttemptId(1), usage: usage() });
        assert_eq!(call(&step.effects).is_some(), expected.is_none(), "{second:?}");
    }
}

#[test]
fn a_job_does_not_let_other_models_go_first_for_ever() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0), ("n", 2.0)], &["m", "n"]);
    fleet.submit(1, on("m", 50));
    assert_eq!(call(&fleet.submit(2, on("n", 400))), None);
    // The other model is never without a job.
    let called = (3..200_u64).find(|job| {
        let mut effects = fleet.submit(*job, on("m", 50));
        effects.extend(fleet.after(2_000, ended(*job - 2)).effects);
        effects.iter().any(|effect| matches!(effect, Effect::Call { job: JobId(2), .. }))
    });
    assert!(called.is_some_and(|job| job > 3), "{called:?}");
}

fn ended(attempt: u64) -> Event {
    Event::Succeeded { attempt: AttemptId(attempt), usage: usage() }
}

#[test]
fn a_cancelled_job_that_waits_ends_at_once() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.submit(1, ask());
    fleet.submit(2, ask());
    let effects = fleet.step(Event::Cancel { job: JobId(2) }).effects;
    assert_eq!(code(&effects), Some(DispatchErrorCode::Cancelled));
    let step = fleet.step(Event::Succeeded { attempt: AttemptId(1), usage: usage() });
    assert_eq!(call(&step.effects), None);
}

fn refusal(effects: &[Effect]) -> Option<DispatchError> {
    effects
        .iter()
        .find_map(|effect| if let Effect::Reject { error, .. } = effect { Some(error.clone()) } else { None })
}

/// One host whose model is known to take 5.5 s for a request, with so many requests before the next.
fn busy(queue: u64, max_queue: u32) -> Fleet {
    let mut fleet = Fleet::new(Config { max_queue, ..Config::new(vec![one()]) });
    fleet.up("a", &[("m", 2.0)], &["m"]);
    for job in 1..=4 {
        fleet.submit(job, ask());
        fleet.step(Event::FirstToken { attempt: AttemptId(job) });
        fleet.after(5_000, Event::Succeeded { attempt: AttemptId(job), usage: usage() });
    }
    for job in 0..=queue {
        fleet.submit(100 + job, ask());
    }
    fleet
}

#[test]
fn a_full_queue_refuses_and_says_when_to_come_back() {
    let mut fleet = busy(3, 3);
    let error = refusal(&fleet.submit(200, ask()));
    let again = error.as_ref().and_then(|error| error.retry_after_ms).unwrap_or(0);
    assert_eq!(error.map(|error| error.code), Some(DispatchErrorCode::Overloaded));
    assert!((1_000..15_000).contains(&again), "{again}");
}

#[test]
fn a_job_whose_turn_comes_long_after_its_deadline_is_refused_at_once_and_others_wait() {
    let mut fleet = busy(10, 100);
    let within = |deadline_ms| Request { deadline_ms: Some(deadline_ms), ..ask() };
    let error = refusal(&fleet.submit(200, within(10_000)));
    let again = error.as_ref().and_then(|error| error.retry_after_ms).unwrap_or(0);
    assert_eq!(error.map(|error| error.code), Some(DispatchErrorCode::Overloaded));
    assert!((20_000..120_000).contains(&again), "{again}");
    assert_eq!(refusal(&fleet.submit(201, within(60_000))), None);
    assert_eq!(refusal(&fleet.submit(202, ask())), None);
}

#[test]
fn a_job_that_waits_counts_in_part_while_it_may_go_elsewhere() {
    let at = |host: &str, tokens| Request { host: Some(host.into()), max_tokens: Some(tokens), ..ask() };
    let queue_s = |waiting: Option<Request>| {
        let mut fleet = Fleet::of(&["a", "b"]);
        fleet.up("a", &[("m", 2.0)], &["m"]);
        fleet.up("b", &[("m", 2.0)], &["m"]);
        fleet.submit(1, at("a", 50));
        fleet.submit(2, at("b", 400));
        if let Some(request) = waiting {
            assert_eq!(call(&fleet.submit(3, request)), None);
        }
        let decision = fleet.dispatcher.decide(Millis(fleet.now), &at("a", 20));
        decision.candidates.first().map_or(0.0, |best| best.terms.queue_s)
    };
    let alone_s = queue_s(None);
    let sure_s = queue_s(Some(at("a", 100))) - alone_s;
    let free_s = queue_s(Some(Request { max_tokens: Some(100), ..ask() })) - alone_s;
    assert!(sure_s > 0.0 && (free_s / sure_s - 0.5).abs() < 1e-9, "{free_s} {sure_s}");
}

#[test]
fn jobs_that_wait_for_the_first_look_count_too() {
    let mut fleet = Fleet::new(Config { max_queue: 2, ..Config::new(vec![one()]) });
    assert_eq!(refusal(&fleet.submit(1, ask())), None);
    assert_eq!(refusal(&fleet.submit(2, ask())), None);
    let error = refusal(&fleet.submit(3, ask()));
    assert_eq!(error.map(|error| error.code), Some(DispatchErrorCode::Overloaded));
}
