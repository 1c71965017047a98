//! Hosts that start when somebody needs them and stop when nobody does.

use smart_ai_core::{
    AttemptId, Config, DispatchErrorCode, Effect, Event, Failure, FailureKind, HostConfig, HostReport,
    HostState, JobId, LifecycleConfig, LifecycleHost, LifecycleMode, Millis, ModelTag, PowerState,
    PrepareState, Request, ResidentModel, Source, StartConfig,
};

use crate::world::{Fleet, ask, called, code, usage};

const MODEL: (&str, f64) = ("m", 2.0);

fn start() -> StartConfig {
    StartConfig { start_s: 8.0, exclusive: true, idle_gb: 0.1, min_up_s: 0, ..StartConfig::default() }
}

fn config(start: StartConfig, others: &[&str]) -> Config {
    // A host without models is held for about a minute here, a model the least that there is.
    let lifecycle = LifecycleConfig {
        mode: LifecycleMode::On,
        wait_price: 1.0,
        min_resident_s: 0,
        ..LifecycleConfig::default()
    };
    let mut hosts = vec![HostConfig { start: Some(start), ..HostConfig::new("box") }];
    hosts.extend(others.iter().map(|id| HostConfig::new(*id)));
    Config { lifecycle, ..Config::new(hosts) }
}

/// The host `box` is asleep, and known to have a model.
fn asleep(config: Config) -> Fleet {
    let mut fleet = Fleet::new(config);
    fleet.up("box", &[MODEL], &[]);
    fleet.down("box");
    fleet
}

fn look(fleet: &mut Fleet, resident: &[&str]) -> Vec<Effect> {
    let tag = ModelTag {
        name: "m".into(),
        digest: "sha256:m".into(),
        size_bytes: 2_000_000_000,
        ..ModelTag::default()
    };
    let loaded = |name: &&str| ResidentModel {
        name: (*name).into(),
        size_bytes: 2_000_000_000,
        expires_in_s: Some(200.0),
        ..ResidentModel::default()
    };
    let report = HostReport {
        version: Some("0.24.0".into()),
        models: Some(vec![tag]),
        resident: Some(resident.iter().map(loaded).collect()),
    };
    fleet.step(Event::HostState { host: "box".into(), state: HostState::Up(report) }).effects
}

fn powers(effects: &[Effect]) -> Vec<String> {
    let power = |effect: &Effect| {
        if let Effect::StartHost { host, .. } = effect {
            Some(format!("start {host}"))
        } else if let Effect::StopHost { host, .. } = effect {
            Some(format!("stop {host}"))
        } else {
            None
        }
    };
    effects.iter().filter_map(power).collect()
}

fn looks(effects: &[Effect]) -> bool {
    let look = |effect: &Effect| matches!(effect, Effect::Refresh { source: Source::Host { .. }, .. });
    effects.iter().any(look)
}

fn told(fleet: &Fleet) -> LifecycleHost {
    let report = fleet.dispatcher.lifecycle(Millis(fleet.now));
    report.hosts.into_iter().next().unwrap_or_else(|| unreachable!("box can be started"))
}

fn started(fleet: &mut Fleet) -> Vec<Effect> {
    fleet.after(3_000, Event::StartEnded { host: "box".into(), failure: None });
    fleet.now += 500;
    look(fleet, &[])
}

fn failed(detail: &str) -> Event {
    let failure = Some(Failure::new(FailureKind::ServerError, detail));
    Event::StartEnded { host: "box".into(), failure }
}

/// One answer, and what follows until the model has left memory.
fn used_and_unloaded(fleet: &mut Fleet) -> Vec<Effect> {
    fleet.step(Event::FirstToken { attempt: AttemptId(1) });
    fleet.after(5_500, Event::Succeeded { attempt: AttemptId(1), usage: usage() });
    fleet.now += 11_000;
    let left = look(fleet, &["m"]);
    assert!(left.iter().any(|effect| matches!(effect, Effect::Unload { .. })), "{left:?}");
    fleet.after(10, Event::UnloadEnded { host: "box".into(), model: "m".into(), failure: None });
    look(fleet, &[])
}

#[test]
fn a_host_asleep_is_started_once_for_all_who_wait_and_called_when_it_answers() {
    let mut fleet = asleep(config(start(), &[]));
    assert_eq!(powers(&fleet.submit(1, ask())), ["start box"]);
    assert_eq!(powers(&fleet.submit(2, ask())), Vec::<String>::new(), "one start for all");
    assert_eq!(told(&fleet).state, PowerState::Starting);
    let ended = fleet.after(3_000, Event::StartEnded { host: "box".into(), failure: None }).effects;
    assert!(looks(&ended), "whether it answers is looked at");
    fleet.now += 500;
    assert_eq!(called(&look(&mut fleet, &[])), "m@box");
    assert_eq!(told(&fleet).state, PowerState::Up);
    assert!(told(&fleet).start_s < 8.0, "past starts tell");
    let actions = fleet.dispatcher.lifecycle(Millis(fleet.now)).actions;
    let action = actions.first().map(|action| (action.outcome.as_str(), action.reason.as_str()));
    assert_eq!(action, Some(("ok", "box starts: a request waits for m; 8 s to start")));
}

#[test]
fn the_price_of_a_start_is_a_term_of_the_score() {
    let mut fleet = asleep(config(start(), &["pc"]));
    fleet.up("pc", &[MODEL], &["m"]);
    let decision = fleet.dispatcher.decide(Millis(fleet.now), &ask());
    let of = |host: &str| decision.candidates.iter().find(|candidate| candidate.host.as_str() == host);
    assert!(of("box").is_some_and(|candidate| (candidate.terms.start_s - 8.0).abs() < 1e-9), "{decision:?}");
    assert!(of("pc").is_some_and(|candidate| candidate.terms.start_s == 0.0));
    let effects = fleet.submit(1, ask());
    assert_eq!(
        (called(&effects).as_str(), powers(&effects).len()),
        ("m@pc", 0),
        "nothing is started for nothing"
    );
}

#[test]
fn a_host_whose_models_nobody_knows_is_started_where_no_other_can_serve() {
    let mut fleet = Fleet::new(config(start(), &[]));
    fleet.step(Event::Tick);
    fleet.submit(1, ask());
    assert_eq!(powers(&fleet.down("box")), ["start box"]);
    fleet.after(3_000, Event::StartEnded { host: "box".into(), failure: None });
    assert_eq!(called(&fleet.up("box", &[MODEL], &[])), "m@box");
}

#[test]
fn a_start_that_fails_sends_its_jobs_elsewhere_and_is_tried_again_later() {
    let mut fleet = asleep(config(start(), &["pc"]));
    fleet.up("pc", &[MODEL], &[]);
    let request = || Request { model: Some("m".into()), ..ask() };
    fleet.submit(1, Request { host: Some("box".into()), ..request() });
    assert_eq!(told(&fleet).state, PowerState::Starting);
    fleet.submit(2, request());
    let effects = fleet.after(1_000, failed("no such container: box")).effects;
    assert_eq!(told(&fleet).state, PowerState::Down);
    assert!(told(&fleet).why.contains("cannot be started: no such container"), "{}", told(&fleet).why);
    assert_eq!(powers(&effects), Vec::<String>::new(), "not at once again");
    let again = fleet.after(5_000, Event::Tick).effects;
    assert_eq!(powers(&again), ["start box"], "the job that is pinned to it waits");
    fleet.after(1_000, failed("no such container: box"));
    let mut ends = Vec::new();
    for _ in 0..40 {
        let effects = fleet.after(1_000, Event::Tick).effects;
        let tried = !powers(&effects).is_empty();
        ends.extend(effects);
        if tried {
            ends.extend(fleet.after(10, failed("no such container: box")).effects);
        }
    }
    assert_eq!(code(&ends), Some(DispatchErrorCode::NoHost), "and is told so in the end: {ends:?}");
}

#[test]
fn a_start_after_which_nothing_answers_has_failed_in_time() {
    let mut fleet = asleep(config(StartConfig { ready_timeout_s: 20, ..start() }, &[]));
    fleet.submit(1, ask());
    fleet.after(2_000, Event::StartEnded { host: "box".into(), failure: None });
    for _ in 0..17 {
        fleet.now += 1_000;
        assert_eq!(powers(&fleet.down("box")), Vec::<String>::new());
    }
    assert_eq!(told(&fleet).state, PowerState::Starting);
    fleet.after(1_500, Event::Tick);
    assert_eq!(told(&fleet).state, PowerState::Down);
    assert!(told(&fleet).why.contains("does not answer after 20 s"), "{}", told(&fleet).why);
}

#[test]
fn an_idle_host_is_looked_at_and_stopped_after_its_models_have_left() {
    let mut fleet = asleep(config(start(), &[]));
    fleet.submit(1, ask());
    started(&mut fleet);
    let early = used_and_unloaded(&mut fleet);
    assert_eq!(powers(&early), Vec::<String>::new());
    let due = told(&fleet).stops_in_s.unwrap_or(0.0);
    assert!((20.0..60.0).contains(&due), "{due}");
    let late = fleet.after((due * 1e3) as u64 + 1, Event::Tick).effects;
    assert!(looks(&late) && powers(&late).is_empty(), "not without a fresh look: {late:?}");
    fleet.now += 20;
    assert_eq!(powers(&look(&mut fleet, &[])), ["stop box"]);
    fleet.after(300, Event::StopEnded { host: "box".into(), failure: None });
    assert_eq!(told(&fleet).state, PowerState::Asleep);
    fleet.now += 3_600_000;
    let saved = fleet.dispatcher.lifecycle(Millis(fleet.now)).saved_gb_hours_always_on;
    assert!(saved > 2.05, "the model's 2 GB and the server's own 0.1 GB: {saved}");
}

#[test]
fn nothing_is_stopped_that_others_use_or_that_is_in_doubt() {
    // Not exclusive.
    let mut shared = asleep(config(StartConfig { exclusive: false, ..start() }, &[]));
    shared.submit(1, ask());
    started(&mut shared);
    used_and_unloaded(&mut shared);
    shared.now += 7_200_000;
    assert_eq!(powers(&look(&mut shared, &[])), Vec::<String>::new());
    assert!(told(&shared).why.contains("exclusive"), "{}", told(&shared).why);
    // Another client's model is in memory, however old the request.
    let mut used = asleep(config(start(), &[]));
    used.submit(1, ask());
    started(&mut used);
    used_and_unloaded(&mut used);
    used.now += 60_000;
    assert_eq!(powers(&look(&mut used, &["m"])), Vec::<String>::new());
    // Metrics are configured, and do not come.
    let mut blind = asleep(Config { metrics: true, ..config(start(), &[]) });
    let down = Failure::new(FailureKind::Unreachable, "gone");
    blind.step(Event::Signals { state: smart_ai_core::SignalsState::Down(down) });
    blind.submit(1, ask());
    started(&mut blind);
    used_and_unloaded(&mut blind);
    blind.now += 60_000;
    assert_eq!(powers(&look(&mut blind, &[])), Vec::<String>::new());
    assert_eq!(told(&blind).why, "its signals are stale");
}

#[test]
fn a_request_that_comes_while_its_host_stops_waits_for_the_stop_and_starts_it_again() {
    let mut fleet = asleep(config(start(), &[]));
    fleet.submit(1, ask());
    started(&mut fleet);
    used_and_unloaded(&mut fleet);
    fleet.now += 60_000;
    assert_eq!(powers(&look(&mut fleet, &[])), ["stop box"]);
    let effects = fleet.submit(2, ask());
    assert!(powers(&effects).is_empty() && code(&effects).is_none(), "it waits: {effects:?}");
    let stopped = fleet.after(400, Event::StopEnded { host: "box".into(), failure: None }).effects;
    assert_eq!(powers(&stopped), ["start box"]);
    assert_eq!(called(&started(&mut fleet)), "m@box");
}

#[test]
fn a_stop_that_is_refused_is_not_asked_for_again_soon_and_the_host_serves_on() {
    let mut fleet = asleep(config(start(), &[]));
    fleet.submit(1, ask());
    started(&mut fleet);
    used_and_unloaded(&mut fleet);
    fleet.now += 60_000;
    assert_eq!(powers(&look(&mut fleet, &[])), ["stop box"]);
    let failure =
        Some(Failure::new(FailureKind::BadRequest, "the container lacks the label smart-ai.exclusive"));
    fleet.after(400, Event::StopEnded { host: "box".into(), failure });
    fleet.now += 300_000;
    assert_eq!(powers(&look(&mut fleet, &[])), Vec::<String>::new());
    assert_eq!(called(&fleet.submit(2, ask())), "m@box");
}

#[test]
fn a_dry_run_says_what_it_would_start_and_stop_and_does_neither() {
    let mut dry = config(start(), &[]);
    dry.lifecycle.mode = LifecycleMode::DryRun;
    let mut fleet = asleep(dry);
    let effects = fleet.submit(1, ask());
    fleet.step(Event::Cancel { job: JobId(1) });
    assert!(powers(&effects).is_empty(), "{effects:?}");
    fleet.now += 10_000;
    look(&mut fleet, &[]);
    for _ in 0..3 {
        fleet.now += 60_000;
        assert_eq!(powers(&look(&mut fleet, &[])), Vec::<String>::new());
    }
    let actions = fleet.dispatcher.lifecycle(Millis(fleet.now)).actions;
    let said: Vec<(&str, &str)> =
        actions.iter().map(|action| (action.action.as_str(), action.outcome.as_str())).collect();
    assert_eq!(said, [("stop", "dry_run"), ("start", "dry_run")]);
}

#[test]
fn a_model_that_is_prepared_has_its_host_started_first() {
    let mut fleet = asleep(config(start(), &[]));
    let wish = Event::Prepare { job: JobId(9), request: ask(), in_ms: 0 };
    assert_eq!(powers(&fleet.step(wish).effects), ["start box"]);
    let loads = |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::Load { .. }));
    assert!(loads(&started(&mut fleet)));
    let done =
        fleet.after(2_000, Event::LoadEnded { host: "box".into(), model: "m".into(), failure: None }).effects;
    let prepared = done.iter().find_map(|effect| {
        if let Effect::Prepared { prepared, .. } = effect { Some(prepared.state) } else { None }
    });
    assert_eq!(prepared, Some(PrepareState::Loaded));
}
