//! How long a call asks the host to keep its model.

use smart_ai_core::{
    AttemptId, Config, Effect, Event, FailureKind, HostConfig, HostReport, HostState, ModelTag, Request,
    ResidentModel, Tuning,
};

use crate::world::{Fleet, ask, called, usage};

fn kept(effects: &[Effect]) -> Option<u32> {
    effects.iter().find_map(|effect| {
        if let Effect::Call { options, .. } = effect { options.keep_alive_s } else { None }
    })
}

fn told(keep_alive_s: u32) -> HostConfig {
    HostConfig { keep_alive_s: Some(keep_alive_s), ..HostConfig::new("pc") }
}

/// A look that shows the model in memory, to leave after so many seconds.
fn look(fleet: &mut Fleet, expires_in_s: f64) {
    let tag = ModelTag { name: "m".into(), digest: "sha256:m".into(), ..ModelTag::default() };
    let expires_in_s = Some(expires_in_s);
    let resident = ResidentModel { name: "m".into(), expires_in_s, ..ResidentModel::default() };
    let report = HostReport {
        version: Some("0.24.0".into()),
        models: Some(vec![tag]),
        resident: Some(vec![resident]),
    };
    fleet.step(Event::HostState { host: "pc".into(), state: HostState::Up(report) });
}

/// One call from its begin to its end; what it said.
fn call(fleet: &mut Fleet, job: u64) -> Option<u32> {
    let said = kept(&fleet.submit(job, ask()));
    fleet.step(Event::Started { attempt: AttemptId(job) });
    fleet.step(Event::FirstToken { attempt: AttemptId(job) });
    fleet.after(5_500, Event::Succeeded { attempt: AttemptId(job), usage: usage() });
    said
}

#[test]
fn nothing_is_said_until_what_the_server_does_by_itself_was_seen_twice() {
    let mut fleet = Fleet::of(&["pc"]);
    fleet.up("pc", &[("m", 2.0)], &["m"]);
    for job in 1..=2 {
        assert_eq!(call(&mut fleet, job), None);
        look(&mut fleet, 86_397.2);
    }
    let said = call(&mut fleet, 3);
    assert!(said.is_some_and(|seconds| seconds >= 86_400), "{said:?}");
}

#[test]
fn a_caller_who_says_how_long_a_model_stays_teaches_nothing_of_the_server() {
    let mut fleet = Fleet::of(&["pc"]);
    fleet.up("pc", &[("m", 2.0)], &["m"]);
    for job in 1..=3 {
        let request = Request { names_keep_alive: true, ..ask() };
        assert_eq!(kept(&fleet.submit(job, request)), None);
        fleet.step(Event::Started { attempt: AttemptId(job) });
        fleet.after(5_500, Event::Succeeded { attempt: AttemptId(job), usage: usage() });
        look(&mut fleet, 60.0);
    }
    assert_eq!(call(&mut fleet, 4), None);
}

#[test]
fn the_more_often_a_model_is_called_the_longer_it_is_kept() {
    let mut fleet = Fleet::new(Config::new(vec![told(300)]));
    fleet.up("pc", &[("m", 2.0)], &["m"]);
    let first = kept(&fleet.submit(1, ask()));
    assert!(first.is_some_and(|seconds| seconds > 300), "{first:?}");
    let (mut last, mut said) = (first, 1);
    for job in 2..40 {
        fleet.step(Event::Started { attempt: AttemptId(job - 1) });
        fleet.step(Event::FirstToken { attempt: AttemptId(job - 1) });
        fleet.after(5_500, Event::Succeeded { attempt: AttemptId(job - 1), usage: usage() });
        let Some(now) = kept(&fleet.submit(job, ask())) else { continue };
        // It is said again where it is longer by a fifth.
        assert!(last.is_some_and(|last| now > last + last / 5), "{now} after {last:?}");
        (last, said) = (Some(now), said + 1);
    }
    assert!((2..10).contains(&said), "said {said} times");
}

#[test]
fn what_the_host_keeps_is_the_least() {
    let mut fleet = Fleet::new(Config::new(vec![told(86_400)]));
    fleet.up("pc", &[("m", 2.0)], &["m"]);
    let seconds = kept(&fleet.submit(1, ask()));
    assert!(seconds.is_some_and(|seconds| seconds >= 86_400), "{seconds:?}");
}

#[test]
fn an_owner_who_lets_models_go_sooner_than_ollama_does_is_not_outbid() {
    let mut fleet = Fleet::of(&["pc"]);
    fleet.up("pc", &[("m", 2.0)], &["m"]);
    for job in 1..=4 {
        assert_eq!(call(&mut fleet, job), None);
        look(&mut fleet, 57.2);
    }
    let mut fleet = Fleet::new(Config::new(vec![told(60)]));
    fleet.up("pc", &[("m", 2.0)], &["m"]);
    assert_eq!(kept(&fleet.submit(1, ask())), Some(60));
}

#[test]
fn nothing_is_said_where_the_owner_wants_none_of_it() {
    let own = told(0);
    let mut unweighted = Config::new(vec![told(300)]);
    unweighted.tuning = Tuning { keep_alive: 0.0, ..Tuning::default() };
    for config in [Config::new(vec![own]), unweighted] {
        let mut fleet = Fleet::new(config);
        fleet.up("pc", &[("m", 2.0)], &["m"]);
        assert_eq!(kept(&fleet.submit(1, ask())), None);
    }
}

#[test]
fn a_model_that_is_kept_for_ever_stays_so() {
    let mut fleet = Fleet::of(&["pc"]);
    fleet.up("pc", &[("m", 2.0)], &["m"]);
    let tag = ModelTag { name: "m".into(), digest: "sha256:m".into(), ..ModelTag::default() };
    let resident = ResidentModel { name: "m".into(), pinned: true, ..ResidentModel::default() };
    let report = HostReport {
        version: Some("0.24.0".into()),
        models: Some(vec![tag]),
        resident: Some(vec![resident]),
    };
    fleet.step(Event::HostState { host: "pc".into(), state: HostState::Up(report) });
    assert_eq!(kept(&fleet.submit(1, ask())), None);
}

/// Ollama lets the runner that is to make way stay where a later call says for how long, and the load that waits for it goes on waiting.
#[test]
fn while_a_load_waits_no_call_says_that_another_model_stays() {
    let named = |name: &str| Request { model: Some(name.into()), ..ask() };
    let at_once = Tuning { turns: 0.0, ..Tuning::default() };
    let mut fleet = Fleet::new(Config { tuning: at_once, ..Config::new(vec![told(300)]) });
    fleet.up("pc", &[("m", 2.0), ("n", 2.0)], &["m"]);
    assert!(kept(&fleet.submit(1, named("m"))).is_some());
    fleet.step(Event::Started { attempt: AttemptId(1) });
    fleet.after(5_500, Event::Succeeded { attempt: AttemptId(1), usage: usage() });
    assert!(kept(&fleet.submit(2, named("n"))).is_some(), "the load says how long its own model stays");
    let beside = fleet.submit(3, named("m"));
    assert!(beside.iter().any(|effect| matches!(effect, Effect::Call { .. })), "{beside:?}");
    assert_eq!(kept(&beside), None);
}

#[test]
fn what_a_call_that_failed_before_the_host_took_it_said_is_said_again() {
    for (taken, again) in [(false, true), (true, false)] {
        let mut fleet = Fleet::new(Config::new(vec![told(300)]));
        fleet.up("pc", &[("m", 2.0)], &["m"]);
        assert!(kept(&fleet.submit(1, ask())).is_some());
        if taken {
            fleet.step(Event::Started { attempt: AttemptId(1) });
        }
        fleet.fail(1, FailureKind::CutOff);
        let effects = fleet.after(10_000, Event::Tick).effects;
        assert_eq!(called(&effects), "m@pc");
        assert_eq!(kept(&effects).is_some(), again, "{effects:?}");
    }
}
