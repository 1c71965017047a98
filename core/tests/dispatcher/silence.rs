//! How long a call may stay silent, by what is being written.

use smart_ai_core::{
    AttemptId, Config, DispatchErrorCode, Effect, Event, HostConfig, JobId, Request, Writing,
};

use crate::world::{Fleet, ask, call, called, code, usage};

/// Two hosts with the same model, loaded; `a` has answered often.
fn known() -> Fleet {
    of(Config::new(["a", "b"].map(HostConfig::new).into()))
}

fn of(config: Config) -> Fleet {
    let mut fleet = Fleet::new(config);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.up("b", &[("m", 2.0)], &["m"]);
    for attempt in 1..=5 {
        let effects = fleet.submit(attempt, Request { host: Some("a".into()), ..ask() });
        assert_eq!(called(&effects), "m@a");
        fleet.step(Event::Started { attempt: AttemptId(attempt) });
        fleet.after(500, Event::FirstToken { attempt: AttemptId(attempt) });
        fleet.after(5_000, Event::Succeeded { attempt: AttemptId(attempt), usage: usage() });
    }
    fleet
}

fn writing(writing: Writing) -> Request {
    Request { writing, model: Some("m".into()), ..ask() }
}

/// Milliseconds of silence after which the job's call is given up; hosts answer every look.
fn given_up_after(fleet: &mut Fleet, attempt: u64) -> u64 {
    let began = fleet.now;
    let mut effects = Vec::new();
    while !effects.contains(&Effect::Abort { attempt: AttemptId(attempt) }) && fleet.now < began + 900_000 {
        fleet.now = fleet.dispatcher.poll_timeout().map_or(u64::MAX, |at| at.0.max(fleet.now + 1));
        effects = fleet.step(Event::Tick).effects;
        fleet.up("a", &[("m", 2.0)], &["m"]);
        fleet.up("b", &[("m", 2.0)], &["m"]);
    }
    fleet.now - began
}

/// After a first piece.
fn stalls_after(fleet: &mut Fleet, of: Writing) -> u64 {
    assert!(call(&fleet.submit(9, writing(of))).is_some());
    fleet.step(Event::Started { attempt: AttemptId(6) });
    fleet.step(Event::FirstToken { attempt: AttemptId(6) });
    given_up_after(fleet, 6)
}

#[test]
fn a_tool_call_may_be_silent_as_long_as_it_takes_to_write_a_file() {
    assert!(stalls_after(&mut known(), Writing::Text) <= 10_000, "text that stops is stuck");
    assert!(stalls_after(&mut known(), Writing::ToolCalls) >= 120_000);
}

#[test]
fn what_the_owner_states_counts_be_it_more_or_less() {
    for stated_ms in [400, 300_000] {
        let hosts = ["a", "b"].map(HostConfig::new).into();
        let config = Config { stall_timeout_ms: Some(stated_ms), ..Config::new(hosts) };
        for written in [Writing::Text, Writing::ToolCalls] {
            let after = stalls_after(&mut of(config.clone()), written);
            assert!(after.abs_diff(stated_ms.into()) < 1_000, "{after} ms, {stated_ms} stated");
        }
    }
}

#[test]
fn a_tool_call_that_comes_first_is_given_the_time_to_write_it_and_no_more() {
    let mut fleet = known();
    assert_eq!(called(&fleet.submit(9, writing(Writing::ToolCalls))), "m@a");
    let whole_ms = given_up_after(&mut fleet, 6);
    let mut fleet = known();
    assert_eq!(called(&fleet.submit(9, writing(Writing::Text))), "m@a");
    let first_ms = given_up_after(&mut fleet, 6);
    assert!(whole_ms > first_ms + 5_000, "{whole_ms} against {first_ms}: a hundred tokens take five seconds");
    assert!(whole_ms < 120_000, "{whole_ms}: a host that hangs is left");
}

#[test]
fn a_client_that_stops_reading_ends_its_own_job_and_shuts_nothing() {
    let mut fleet = known();
    let request = Request { streaming: true, ..writing(Writing::Text) };
    assert_eq!(called(&fleet.submit(9, request)), "m@a");
    fleet.step(Event::FirstToken { attempt: AttemptId(6) });
    fleet.step(Event::Held { attempt: AttemptId(6) });
    let effects = fleet.after(60_000, Event::Tick).effects;
    assert!(!effects.contains(&Effect::Abort { attempt: AttemptId(6) }), "it may come back");
    let effects = fleet.after(60_000, Event::Tick).effects;
    assert!(effects.contains(&Effect::Abort { attempt: AttemptId(6) }));
    assert_eq!(code(&effects), Some(DispatchErrorCode::ClientSlow));
    fleet.up("a", &[("m", 2.0)], &["m"]);
    let pinned = |host: &str| Request { host: Some(host.into()), ..ask() };
    for job in 10..12 {
        assert_eq!(called(&fleet.submit(job, pinned("a"))), "m@a", "it is not left alone");
        fleet.step(Event::Cancel { job: JobId(job) });
    }
}

#[test]
fn a_client_that_reads_again_goes_on() {
    let mut fleet = known();
    fleet.submit(9, Request { streaming: true, ..writing(Writing::Text) });
    fleet.step(Event::FirstToken { attempt: AttemptId(6) });
    fleet.step(Event::Held { attempt: AttemptId(6) });
    fleet.after(100_000, Event::Progress { attempt: AttemptId(6), tokens: 2 });
    assert_eq!(
        code(&fleet.after(100, Event::Succeeded { attempt: AttemptId(6), usage: usage() }).effects),
        None
    );
    assert!(stalls_of_host(&mut known()) <= 10_000, "after it has read, the silence is the host's again");
}

fn stalls_of_host(fleet: &mut Fleet) -> u64 {
    assert_eq!(called(&fleet.submit(9, writing(Writing::Text))), "m@a");
    fleet.step(Event::FirstToken { attempt: AttemptId(6) });
    fleet.step(Event::Held { attempt: AttemptId(6) });
    fleet.step(Event::Progress { attempt: AttemptId(6), tokens: 2 });
    given_up_after(fleet, 6)
}
