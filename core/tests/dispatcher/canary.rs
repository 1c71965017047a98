//! A host that failed is asked for one token before a job is sent there.

use smart_ai_core::{
    AttemptId, Capability, Config, Effect, Event, Failure, FailureKind, HostConfig, JobId, ModelDetails,
    ModelState, Request, Source,
};

use crate::world::{Fleet, ask, call, called, usage};

const MODELS: [(&str, f64); 1] = [("m", 2.0)];

/// Two hosts with the same model loaded; the first stopped answering while it was alone with a call, at 31 s.
fn stuck(config: impl FnOnce(&mut Config)) -> Fleet {
    let mut settings = Config::new(["a", "b"].map(HostConfig::new).to_vec());
    config(&mut settings);
    let mut fleet = Fleet::new(settings);
    for host in ["a", "b"] {
        fleet.up(host, &MODELS, &["m"]);
    }
    assert_eq!(called(&fleet.submit(1, ask())), "m@a");
    fleet.now = 31_000;
    assert_eq!(called(&fleet.fail(1, FailureKind::FirstTokenTimeout)), "m@b");
    for host in ["a", "b"] {
        fleet.up(host, &MODELS, &["m"]);
    }
    fleet.step(Event::Succeeded { attempt: AttemptId(2), usage: usage() });
    fleet
}

/// Sends ticks when they are due, and what a look would show, until a canary goes; says when, and with how much context.
fn next_canary(fleet: &mut Fleet, until: u64) -> Option<(u64, Option<u32>)> {
    let mut effects = Vec::new();
    loop {
        let canary = effects.iter().find_map(|effect| {
            if let Effect::Refresh { source: Source::Canary { options, .. }, .. } = effect {
                Some(options.num_ctx)
            } else {
                None
            }
        });
        if let Some(num_ctx) = canary {
            return Some((fleet.now, num_ctx));
        }
        let looked = effects.iter().find_map(|effect| {
            if let Effect::Refresh { source: Source::Host { host }, .. } = effect {
                Some(host.to_string())
            } else {
                None
            }
        });
        if let Some(host) = looked {
            effects = fleet.up(&host, &MODELS, &["m"]);
            continue;
        }
        let at = fleet.dispatcher.poll_timeout().filter(|at| at.0 <= until)?;
        assert!(at.0 > fleet.now, "woken in vain at {}", fleet.now);
        fleet.now = at.0;
        effects = fleet.step(Event::Tick).effects;
    }
}

fn brought(failure: Option<FailureKind>) -> Event {
    let failure = failure.map(|kind| Failure::new(kind, "as the test wants"));
    Event::Canary { host: "a".into(), model: "m".into(), failure }
}

fn on_a() -> Request {
    Request { host: Some("a".into()), ..ask() }
}

#[test]
fn a_stuck_host_is_asked_for_a_token_when_its_pause_is_over_and_then_serves_again() {
    let mut fleet = stuck(|_| {});
    // Nobody waits, and five seconds later it is looked at and asked, with the context its model has.
    assert_eq!(next_canary(&mut fleet, 60_000), Some((36_000, Some(4_096))));
    assert_eq!(call(&fleet.submit(2, on_a())), None, "nothing of a job goes beside a canary");
    let effects = fleet.after(100, brought(None)).effects;
    assert_eq!(called(&effects), "m@a");
}

#[test]
fn each_canary_that_fails_doubles_the_pause_and_costs_no_job_a_call() {
    let mut fleet = stuck(|_| {});
    let mut sent = Vec::new();
    for failure in [FailureKind::FirstTokenTimeout, FailureKind::Busy, FailureKind::BadRequest] {
        let at = next_canary(&mut fleet, 200_000).map(|(at, _)| at);
        sent.push(at);
        fleet.after(1_000, brought(Some(failure)));
        // Every job goes to the other host meanwhile.
        let job = 10 + sent.len() as u64;
        assert_eq!(called(&fleet.submit(job, ask())), "m@b");
        fleet.step(Event::Cancel { job: JobId(job) });
        for host in ["a", "b"] {
            fleet.up(host, &MODELS, &["m"]);
        }
    }
    assert_eq!(sent, [Some(36_000), Some(47_000), Some(68_000)]);
    assert_eq!(next_canary(&mut fleet, 200_000).map(|(at, _)| at), Some(109_000));
}

#[test]
fn a_canary_of_which_nothing_is_heard_has_failed() {
    let mut fleet = stuck(|_| {});
    next_canary(&mut fleet, 60_000);
    assert_eq!(next_canary(&mut fleet, 100_000), Some((76_000, Some(4_096))));
}

#[test]
fn none_goes_where_it_is_switched_off_or_would_load_or_find_a_call_or_no_model_that_writes() {
    let mut off = stuck(|config| config.canary = false);
    assert_eq!(next_canary(&mut off, 600_000), None);
    off.now = 600_000;
    assert_eq!(called(&off.submit(2, on_a())), "m@a", "a job shows it then");

    let mut evicted = stuck(|_| {});
    evicted.up("a", &MODELS, &[]);
    assert_eq!(next_canary(&mut evicted, 600_000), None);

    let mut embeds = stuck(|_| {});
    let details = ModelDetails { capabilities: vec![Capability::Embedding], ..ModelDetails::default() };
    let state = ModelState::Known(details);
    embeds.step(Event::ModelState { host: "a".into(), model: "m".into(), state });
    assert_eq!(next_canary(&mut embeds, 36_000), None);

    // Nobody sent a tick until a job came: it goes itself.
    let mut late = stuck(|_| {});
    late.now = 60_000;
    assert_eq!(called(&late.submit(2, on_a())), "m@a");
    late.up("a", &MODELS, &["m"]);
    assert_eq!(next_canary(&mut late, 60_500), None);
}

#[test]
fn a_host_that_could_not_be_reached_is_not_asked() {
    let mut fleet = Fleet::of(&["a", "b"]);
    for host in ["a", "b"] {
        fleet.up(host, &MODELS, &["m"]);
    }
    assert_eq!(called(&fleet.submit(1, ask())), "m@a");
    fleet.fail(1, FailureKind::Unreachable);
    fleet.step(Event::Cancel { job: JobId(1) });
    fleet.up("a", &MODELS, &["m"]);
    assert_eq!(next_canary(&mut fleet, 600_000), None);
}
