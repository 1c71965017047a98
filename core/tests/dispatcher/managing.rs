//! Models that leave memory when nobody uses them, and come back before somebody does.

use smart_ai_core::{
    AttemptId, Config, Dispatcher, Effect, Event, HostConfig, HostReport, HostState, Knowledge,
    LifecycleConfig, LifecycleMode, LifecycleReport, Millis, ModelTag, ResidentModel, Source,
};

use crate::world::{Fleet, ask, usage};

const MODEL: (&str, f64) = ("m", 4.0);

fn lifecycle() -> LifecycleConfig {
    LifecycleConfig { mode: LifecycleMode::On, wait_price: 100.0, ..LifecycleConfig::default() }
}

fn fleet(lifecycle: LifecycleConfig) -> Fleet {
    let mut fleet = Fleet::new(Config { lifecycle, ..Config::new(vec![HostConfig::new("pc")]) });
    fleet.up("pc", &[MODEL], &["m"]);
    fleet
}

/// A look that shows these models in memory, each to leave after so many seconds.
fn look(fleet: &mut Fleet, resident: &[(&str, Option<f64>)]) -> Vec<Effect> {
    look_at(fleet, &["m"], resident)
}

/// A look that shows these models in memory, on a host that lists these tags, all of one file.
fn look_at(fleet: &mut Fleet, tags: &[&str], resident: &[(&str, Option<f64>)]) -> Vec<Effect> {
    let tag = |name: &str| ModelTag {
        name: name.into(),
        digest: "sha256:m".into(),
        size_bytes: 4_000_000_000,
        ..ModelTag::default()
    };
    let loaded = |(name, left): &(&str, Option<f64>)| ResidentModel {
        name: (*name).into(),
        size_bytes: 4_000_000_000,
        pinned: left.is_none(),
        expires_in_s: left.or(Some(9e9)),
        ..ResidentModel::default()
    };
    let report = HostReport {
        version: Some("0.24.0".into()),
        models: Some(tags.iter().map(|name| tag(name)).collect()),
        resident: Some(resident.iter().map(loaded).collect()),
    };
    fleet.step(Event::HostState { host: "pc".into(), state: HostState::Up(report) }).effects
}

fn unloads(effects: &[Effect]) -> Vec<String> {
    let arm = |effect: &Effect| {
        if let Effect::Unload { host, model, .. } = effect { Some(format!("{model}@{host}")) } else { None }
    };
    effects.iter().filter_map(arm).collect()
}

fn looks(effects: &[Effect]) -> bool {
    let look = |effect: &Effect| matches!(effect, Effect::Refresh { source: Source::Host { .. }, .. });
    effects.iter().any(look)
}

fn report(fleet: &Fleet) -> LifecycleReport {
    fleet.dispatcher.lifecycle(Millis(fleet.now))
}

fn why(fleet: &Fleet) -> String {
    report(fleet).models.first().map(|model| model.why.clone()).unwrap_or_default()
}

/// One call from its begin to its end.
fn call(fleet: &mut Fleet, job: u64) {
    fleet.submit(job, ask());
    fleet.step(Event::FirstToken { attempt: AttemptId(job) });
    fleet.after(5_500, Event::Succeeded { attempt: AttemptId(job), usage: usage() });
}

#[test]
fn an_idle_model_is_looked_at_and_leaves_with_its_reason() {
    let mut fleet = fleet(lifecycle());
    let due = fleet.step(Event::Tick).wake_at.map_or(0, |at| at.0 - fleet.now);
    assert!((250_000..300_000).contains(&due), "{due} ms");
    let late = fleet.after(due, Event::Tick).effects;
    assert!(looks(&late) && unloads(&late).is_empty(), "{late:?}");
    assert_eq!(unloads(&look(&mut fleet, &[("m", Some(25.0))])), ["m@pc"]);
    let done = fleet.after(10, Event::UnloadEnded { host: "pc".into(), model: "m".into(), failure: None });
    assert!(looks(&done.effects), "whether it has left is looked at");
    let told = report(&fleet);
    let action = told.actions.first().map(|action| (action.outcome.clone(), action.reason.clone()));
    let (outcome, reason) = action.unwrap_or_default();
    assert_eq!(outcome, "ok");
    assert!(reason.starts_with("m leaves pc: 4.0 GB, 6 s to load, last used "), "{reason}");
    fleet.now += 3_600_000;
    let saved = report(&fleet).saved_gb_hours_always_on;
    assert!((saved - 4.0).abs() < 0.01, "{saved}");
    let saved = report(&fleet).saved_gb_hours_keep_alive;
    assert!((saved - 4.0 * 25.0 / 3_600.0).abs() < 0.01, "{saved}: it would have left by itself");
}

#[test]
fn a_model_in_use_stays_and_its_idle_time_begins_when_the_last_call_ends() {
    let mut fleet = fleet(lifecycle());
    fleet.submit(1, ask());
    fleet.step(Event::FirstToken { attempt: AttemptId(1) });
    for _ in 0..60 {
        fleet.now += 10_000;
        let going = fleet.step(Event::Progress { attempt: AttemptId(1), tokens: 5 }).effects;
        let looked = look(&mut fleet, &[("m", Some(-60.0))]);
        assert_eq!(unloads(&[going, looked].concat()), Vec::<String>::new());
    }
    fleet.step(Event::Succeeded { attempt: AttemptId(1), usage: usage() });
    fleet.now += 30_000;
    assert_eq!(unloads(&look(&mut fleet, &[("m", Some(270.0))])), Vec::<String>::new());
    fleet.now += 170_000;
    assert_eq!(unloads(&look(&mut fleet, &[("m", Some(100.0))])), ["m@pc"]);
}

#[test]
fn what_others_use_is_in_use_and_leaves_later() {
    let mut fleet = fleet(lifecycle());
    for round in 0..20_u32 {
        fleet.now += 60_000;
        // Somebody asks something every two minutes: the expiry moves.
        let left_s = if round % 2 == 0 { 299.0 } else { 239.0 };
        assert_eq!(unloads(&look(&mut fleet, &[("m", Some(left_s))])), Vec::<String>::new(), "{round}");
    }
    fleet.now += 200_000;
    assert_eq!(unloads(&look(&mut fleet, &[("m", Some(39.0))])), ["m@pc"]);
}

#[test]
fn what_an_owner_or_a_client_keeps_longer_stays_unless_the_owner_says_otherwise() {
    for (left, reason) in [(None, "for ever"), (Some(3_500.0), "a longer stay")] {
        let mut kept = fleet(lifecycle());
        kept.now += 10_000;
        look(&mut kept, &[("m", left)]);
        kept.now += 600_000;
        assert_eq!(unloads(&look(&mut kept, &[("m", left.map(|left| left - 600.0))])), Vec::<String>::new());
        assert!(why(&kept).contains(reason), "{}", why(&kept));
        let own = LifecycleConfig { override_keep_alive: true, ..lifecycle() };
        let mut lets_go = fleet(own);
        look(&mut lets_go, &[("m", left)]);
        lets_go.now += 600_000;
        assert_eq!(unloads(&look(&mut lets_go, &[("m", left.map(|left| left - 600.0))])), ["m@pc"]);
    }
    let owned = HostConfig { keep_alive_s: Some(7_200), ..HostConfig::new("pc") };
    let mut kept = Fleet::new(Config { lifecycle: lifecycle(), ..Config::new(vec![owned]) });
    look(&mut kept, &[("m", Some(300.0))]);
    kept.now += 290_000;
    assert_eq!(unloads(&look(&mut kept, &[("m", Some(10.0))])), Vec::<String>::new());
    assert!(why(&kept).contains("OLLAMA_KEEP_ALIVE"), "{}", why(&kept));
}

#[test]
fn nothing_is_done_to_a_host_that_does_not_answer_or_while_another_program_acts() {
    let mut gone = fleet(lifecycle());
    gone.down("pc");
    assert_eq!(unloads(&gone.after(600_000, Event::Tick).effects), Vec::<String>::new());
    let mut second = fleet(lifecycle());
    second.step(Event::StandBy { holder: Some("smart-ai serve, process 7".into()) });
    second.now += 200_000;
    assert_eq!(unloads(&look(&mut second, &[("m", Some(100.0))])), Vec::<String>::new());
    assert_eq!(report(&second).standby.as_deref(), Some("smart-ai serve, process 7"));
    assert_eq!(unloads(&second.step(Event::StandBy { holder: None }).effects), ["m@pc"]);
}

#[test]
fn a_dry_run_says_what_it_would_do_once_and_does_nothing() {
    let mut fleet = fleet(LifecycleConfig { mode: LifecycleMode::DryRun, ..lifecycle() });
    for left_s in [230.0, 160.0, 90.0, 20.0] {
        fleet.now += 70_000;
        assert_eq!(unloads(&look(&mut fleet, &[("m", Some(left_s))])), Vec::<String>::new());
    }
    let told: Vec<String> = report(&fleet).actions.into_iter().map(|action| action.outcome).collect();
    assert_eq!(told, ["dry_run"]);
    assert!(report(&fleet).saved_gb_hours_always_on > 0.0);
}

#[test]
fn what_is_due_is_done_once_when_asked_for_though_the_mode_is_off() {
    let mut fleet = fleet(LifecycleConfig { mode: LifecycleMode::Off, ..lifecycle() });
    fleet.now += 200_000;
    assert_eq!(unloads(&look(&mut fleet, &[("m", Some(100.0))])), Vec::<String>::new());
    assert_eq!(unloads(&fleet.step(Event::Apply).effects), ["m@pc"]);
    assert_eq!(unloads(&look(&mut fleet, &[("m", Some(100.0))])), Vec::<String>::new());
}

#[test]
fn the_owners_cap_holds() {
    let mut fleet = fleet(LifecycleConfig { max_actions_per_hour: 1, ..lifecycle() });
    fleet.now += 200_000;
    assert_eq!(unloads(&look(&mut fleet, &[("m", Some(100.0))])), ["m@pc"]);
    fleet.step(Event::UnloadEnded { host: "pc".into(), model: "m".into(), failure: None });
    for (job, pause_ms, left) in [(1, 10_000, vec![]), (2, 3_500_000, vec!["m@pc".to_owned()])] {
        fleet.now += pause_ms;
        look(&mut fleet, &[]);
        call(&mut fleet, job);
        fleet.now += 290_000;
        assert_eq!(unloads(&look(&mut fleet, &[("m", Some(10.0))])), left);
    }
}

#[test]
fn two_tags_of_one_file_share_their_uses_and_leave_once() {
    let mut fleet = fleet(lifecycle());
    look_at(&mut fleet, &["m", "n"], &[("m", Some(300.0))]);
    fleet.now += 200_000;
    let left = unloads(&look_at(&mut fleet, &["m", "n"], &[("m", Some(100.0))]));
    assert_eq!(left.len(), 1, "{left:?}");
}

const DAY_MS: u64 = 86_400_000;

/// A fleet whose model was used on two days at one time, and when that was first.
fn two_mornings() -> (Fleet, u64) {
    let mut fleet = fleet(lifecycle());
    let start = fleet.now;
    for (job, days) in [(1, 0), (2, 1)] {
        fleet.now = start + days * DAY_MS;
        look(&mut fleet, &[("m", Some(300.0))]);
        call(&mut fleet, job);
        fleet.now += 400_000;
        look(&mut fleet, &[]);
    }
    (fleet, start)
}

#[test]
fn what_was_learned_of_uses_outlives_the_dispatcher() -> Result<(), serde_json::Error> {
    let (before, start) = two_mornings();
    let known = before.dispatcher.knowledge();
    let told = report(&before);
    let config = || Config { lifecycle: lifecycle(), ..Config::new(vec![HostConfig::new("pc")]) };
    let mut absorbed = Fleet::new(config());
    absorbed.dispatcher.absorb(&Knowledge::default(), &known);
    let kept = serde_json::to_string(&before.dispatcher.snapshot())?;
    let restored = Dispatcher::restore(config(), 7, &serde_json::from_str(&kept)?);
    let mut restored = restored.map(|dispatcher| Fleet { dispatcher, now: before.now }).into_iter().collect();
    let mut fleets = vec![absorbed];
    fleets.append(&mut restored);
    assert_eq!(fleets.len(), 2);
    for mut fleet in fleets {
        fleet.now = start + DAY_MS + 500_000;
        look(&mut fleet, &[]);
        let again = report(&fleet);
        let of = |report: &LifecycleReport| {
            report.models.first().map(|model| (model.p95_gap_s, model.expected_in_s.is_some()))
        };
        assert_eq!(of(&again), of(&told));
        assert_eq!(again.models.first().and_then(|model| model.expected_in_s), Some(85_900.0));
        assert_eq!(fleet.dispatcher.knowledge(), known, "each use counts once");
    }
    Ok(())
}

#[test]
fn what_ended_is_told_once_to_be_kept() {
    let mut fleet = fleet(lifecycle());
    fleet.now += 275_000;
    assert_eq!(unloads(&look(&mut fleet, &[("m", Some(25.0))])), ["m@pc"]);
    assert_eq!(fleet.dispatcher.poll_action(), None, "it has not ended");
    fleet.after(70, Event::UnloadEnded { host: "pc".into(), model: "m".into(), failure: None });
    let action = fleet.dispatcher.poll_action();
    let ended = action.map(|action| (action.outcome, action.ms, action.gb));
    assert_eq!(ended, Some(("ok".to_owned(), 70.0, 4.0)));
    assert_eq!(fleet.dispatcher.poll_action(), None);
}

#[test]
fn a_model_used_every_morning_is_loaded_before_the_third() {
    let (mut fleet, start) = two_mornings();
    let day = DAY_MS;
    let loads =
        |effects: &[Effect]| effects.iter().filter(|effect| matches!(effect, Effect::Load { .. })).count();
    for (before_ms, begun) in [(60_000, 0), (12_000, 1)] {
        fleet.now = start + 2 * day - before_ms;
        let asked = fleet.step(Event::Tick).effects;
        assert_eq!(loads(&asked), 0, "the host is looked at first");
        assert_eq!(loads(&look(&mut fleet, &[])), begun, "{before_ms} ms before its use");
    }
    fleet.after(6_000, Event::LoadEnded { host: "pc".into(), model: "m".into(), failure: None });
    let until_use: Vec<Effect> = (0..30).flat_map(|_| fleet.after(5_000, Event::Tick).effects).collect();
    assert_eq!(unloads(&until_use), Vec::<String>::new(), "it is kept for its use");
    let reason = report(&fleet).actions.first().map(|action| action.reason.clone()).unwrap_or_default();
    assert!(reason.starts_with("m comes to pc: "), "{reason}");
}
