//! A call sent to a model that was loaded a moment ago, and waiting jobs behind a host on trial.

use smart_ai_core::{AttemptId, Config, Effect, Event, FailureKind, HostConfig, Request, Source};

use crate::world::{Fleet, ask, call, called, code, usage};

fn aborted(effects: &[Effect], attempt: u64) -> bool {
    effects.contains(&Effect::Abort { attempt: AttemptId(attempt) })
}

fn of(model: &str) -> Request {
    Request { models: Some(vec![model.into(), "other".into()]), ..ask() }
}

/// Two hosts with `m` in memory, of which `a` is known well.
fn known(config: Config) -> Fleet {
    let mut fleet = Fleet::new(config);
    for host in ["a", "b"] {
        fleet.up(host, &[("m", 2.0), ("other", 2.0)], &["m"]);
    }
    for attempt in 1..=5 {
        let effects = fleet.submit(attempt, Request { host: Some("a".into()), ..of("m") });
        assert_eq!(called(&effects), "m@a");
        fleet.after(500, Event::FirstToken { attempt: AttemptId(attempt) });
        fleet.after(5_000, Event::Succeeded { attempt: AttemptId(attempt), usage: usage() });
    }
    fleet
}

fn two_hosts() -> Config {
    Config::new(["a", "b"].map(HostConfig::new).into())
}

/// Lets time pass, with looks answered: `a` lists `resident`. Everything that was done.
fn wait(fleet: &mut Fleet, ms: u64, resident: &[&str]) -> Vec<Effect> {
    let (until, mut all) = (fleet.now + ms, Vec::new());
    while fleet.now < until {
        fleet.now = fleet.dispatcher.poll_timeout().map_or(until, |at| at.0.max(fleet.now + 1).min(until));
        let effects = fleet.step(Event::Tick).effects;
        for effect in &effects {
            if let Effect::Refresh { source: Source::Host { host }, .. } = effect {
                let listed = if host.as_str() == "a" { resident } else { &["m"] };
                all.extend(fleet.up(host.as_str(), &[("m", 2.0), ("other", 2.0)], listed));
            }
        }
        all.extend(effects);
    }
    all
}

#[test]
fn a_call_whose_model_was_pushed_out_meanwhile_is_given_the_time_of_a_load() {
    let mut fleet = known(two_hosts());
    assert_eq!(called(&fleet.submit(9, of("m"))), "m@a");
    let effects = wait(&mut fleet, 25_000, &["other"]);
    assert!(!aborted(&effects, 6), "its own load is under way");
    fleet.step(Event::FirstToken { attempt: AttemptId(6) });
    let effects = fleet.after(1_000, Event::Succeeded { attempt: AttemptId(6), usage: usage() }).effects;
    assert!(matches!(effects.as_slice(), [Effect::Resolve { .. }, ..]), "{effects:?}");
}

#[test]
fn a_call_whose_model_is_there_is_given_the_time_of_a_first_piece() {
    let mut fleet = known(two_hosts());
    assert_eq!(called(&fleet.submit(9, of("m"))), "m@a");
    assert!(aborted(&wait(&mut fleet, 15_000, &["m"]), 6));
}

#[test]
fn a_silent_call_is_not_given_up_before_its_host_was_looked_at() {
    let mut fleet = known(Config { refresh_ms: 3_600_000, ..two_hosts() });
    assert_eq!(called(&fleet.submit(9, of("m"))), "m@a");
    let effects = wait(&mut fleet, 25_000, &["other"]);
    assert!(!aborted(&effects, 6), "a look came first");
}

#[test]
fn a_job_behind_a_host_on_trial_waits_as_long_as_the_host_is_at_work() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    assert_eq!(called(&fleet.submit(1, ask())), "m@a");
    fleet.fail(1, FailureKind::Unreachable);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    let mut effects = fleet.after(1_000, Event::Tick).effects;
    effects.extend(wait_alone(&mut fleet, 10_000));
    assert_eq!(call(&effects).as_deref(), Some("m@a"), "one call tries it");
    fleet.step(Event::FirstToken { attempt: AttemptId(2) });
    fleet.submit(2, ask());
    for pieces in 1..20 {
        fleet.step(Event::Progress { attempt: AttemptId(2), tokens: pieces });
        let effects = wait_alone(&mut fleet, 5_000);
        assert_eq!((code(&effects), call(&effects)), (None, None), "after {pieces} pieces");
    }
    let effects = fleet.step(Event::Succeeded { attempt: AttemptId(2), usage: usage() }).effects;
    assert_eq!(called(&effects), "m@a");
}

fn wait_alone(fleet: &mut Fleet, ms: u64) -> Vec<Effect> {
    let (until, mut all) = (fleet.now + ms, Vec::new());
    while fleet.now < until {
        fleet.now = fleet.dispatcher.poll_timeout().map_or(until, |at| at.0.max(fleet.now + 1).min(until));
        all.extend(fleet.step(Event::Tick).effects);
        all.extend(fleet.up("a", &[("m", 2.0)], &["m"]));
    }
    all
}
