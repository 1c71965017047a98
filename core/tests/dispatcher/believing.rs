//! What is believed of hosts that nobody described: their class, their memory, their speed, their machines.

use smart_ai_core::{
    AttemptId, Config, Device, DropCode, Effect, Event, HostConfig, HostReport, HostSnapshot, HostState,
    Millis, ModelTag, Request, ResidentModel, Source, Usage,
};

use crate::world::{Fleet, ask, usage};

const GB: f64 = 1e9;

/// The host lists these models (name, gigabytes); those of `resident` are loaded, all of each on a GPU. Names that begin with the same
/// letter are tags of one model.
fn show(fleet: &mut Fleet, models: &[(&str, f64)], resident: &[&str]) {
    let digest = |name: &str| format!("sha256:{}", name.get(..1).unwrap_or_default());
    let tag = |(name, gb): &(&str, f64)| ModelTag {
        name: (*name).into(),
        digest: digest(name),
        size_bytes: (gb * GB) as u64,
        parameters: Some(gb * 1.6e9),
        ..ModelTag::default()
    };
    let loaded = |(name, gb): &&(&str, f64)| ResidentModel {
        name: (*name).into(),
        digest: digest(name),
        size_bytes: (gb * GB) as u64,
        vram_bytes: (gb * GB) as u64,
        ..ResidentModel::default()
    };
    let is_loaded = |(name, _): &&(&str, f64)| resident.contains(name);
    let report = HostReport {
        version: None,
        models: Some(models.iter().map(tag).collect()),
        resident: Some(models.iter().filter(is_loaded).map(|model| loaded(&model)).collect()),
    };
    fleet.after(5_000, Event::HostState { host: "pc".into(), state: HostState::Up(report) });
}

fn believed(fleet: &Fleet) -> Option<HostSnapshot> {
    fleet.dispatcher.snapshot().hosts.into_iter().next()
}

fn memory_gb(fleet: &Fleet) -> f64 {
    believed(fleet).map_or(0.0, |host| host.memory_bytes / GB)
}

#[test]
fn the_memory_an_owner_tells_binds_on_a_gpu_too() {
    let told = HostConfig { memory_gb: Some(10.0), ..HostConfig::new("pc") };
    let mut fleet = Fleet::new(Config::new(vec![told]));
    show(&mut fleet, &[("a", 6.0), ("large", 12.0)], &["a"]);
    assert!((memory_gb(&fleet) - 10.0).abs() < 1e-9);
    let decision = fleet.dispatcher.decide(Millis(fleet.now), &ask());
    let dropped = decision.dropped.iter().find(|dropped| dropped.code == DropCode::DoesNotFit);
    assert!(dropped.is_some(), "{decision:?}");
}

#[test]
fn sets_of_models_that_are_loaded_together_and_pushed_out_tell_the_memory_of_a_gpu() {
    let mut fleet = Fleet::of(&["pc"]);
    let models = [("a", 4.0), ("b", 5.0), ("c", 6.0)];
    show(&mut fleet, &models, &["a"]);
    assert!(memory_gb(&fleet).is_finite() && memory_gb(&fleet) > 15.0, "{}", memory_gb(&fleet));
    show(&mut fleet, &models, &["a", "b"]);
    show(&mut fleet, &models, &["a", "c"]);
    show(&mut fleet, &models, &["b", "c"]);
    // 6 + 5 ÷ 0.8 were there together; 6 + 4 + 5 ÷ 0.8 were not.
    let believed = memory_gb(&fleet);
    assert!(believed > 12.2 && believed < 16.3, "{believed}");
}

#[test]
fn a_second_name_of_a_model_and_a_stay_that_a_client_ended_tell_nothing_of_memory() {
    for (request, models) in [
        (Request { model: Some("a2".into()), ..ask() }, [("a", 5.0), ("a2", 5.0)]),
        (Request { model: Some("c".into()), names_keep_alive: true, ..ask() }, [("a", 5.0), ("c", 2.0)]),
    ] {
        let mut fleet = Fleet::of(&["pc"]);
        show(&mut fleet, &models, &["a"]);
        let before = memory_gb(&fleet);
        fleet.submit(1, request);
        fleet.after(500, Event::FirstToken { attempt: AttemptId(1) });
        fleet.after(2_000, Event::Succeeded { attempt: AttemptId(1), usage: usage() });
        show(&mut fleet, &models, &["a"]);
        assert!(memory_gb(&fleet) >= before, "{} after {before}", memory_gb(&fleet));
    }
}

#[test]
fn a_load_beside_other_models_is_followed_by_a_look_which_tells_the_memory() {
    let looks = |memory_gb: Option<f64>| {
        let host = HostConfig { memory_gb, ..HostConfig::new("pc") };
        let mut fleet = Fleet::new(Config::new(vec![host]));
        fleet.up("pc", &[("a", 4.0), ("b", 5.0)], &["a"]);
        fleet.submit(1, Request { model: Some("b".into()), ..ask() });
        let step = fleet.after(3_000, Event::FirstToken { attempt: AttemptId(1) });
        step.effects
            .iter()
            .any(|effect| matches!(effect, Effect::Refresh { source: Source::Host { .. }, .. }))
    };
    assert!(looks(None));
    assert!(!looks(Some(16.0)), "its owner tells");
}

#[test]
fn a_load_from_disk_and_one_from_the_cache_teach_a_rate_of_their_own() {
    let mut fleet = Fleet::of(&["pc"]);
    fleet.up("pc", &[("a", 4.0)], &[]);
    let mut load = |attempt: u64, ms: u64| {
        fleet.submit(attempt, ask());
        fleet.after(ms, Event::FirstToken { attempt: AttemptId(attempt) });
        let usage = Usage { load_ms: ms as f64, prompt_tokens: 200, output_tokens: 9, ..Usage::default() };
        fleet.after(500, Event::Succeeded { attempt: AttemptId(attempt), usage });
        fleet.up("pc", &[("a", 4.0)], &[]);
        believed(&fleet).map(|host| (host.load_rate.weight > 0.0, host.reload_rate.weight > 0.0))
    };
    assert_eq!(load(1, 8_500), Some((true, false)));
    assert_eq!(load(2, 1_500), Some((true, true)), "it was in memory a moment ago");
}

#[test]
fn a_cold_model_is_priced_by_the_class_of_its_host() {
    let mut fleet = Fleet::of(&["pc"]);
    let rate = |fleet: &Fleet, name: &str| {
        let models = believed(fleet).map(|host| host.models).unwrap_or_default();
        models.iter().find(|model| model.model.as_str() == name).map_or(0.0, |model| model.decode_tok_per_s)
    };
    show(&mut fleet, &[("a", 4.0), ("b", 5.0)], &[]);
    let unknown = rate(&fleet, "b");
    show(&mut fleet, &[("a", 4.0), ("b", 5.0)], &["a"]);
    assert_eq!(believed(&fleet).map(|host| host.device), Some(Device::Gpu));
    assert!(rate(&fleet, "b") > 5.0 * unknown, "{} {unknown}", rate(&fleet, "b"));
    show(&mut fleet, &[("a", 4.0), ("b", 5.0)], &[]);
    assert!(rate(&fleet, "b") > 5.0 * unknown, "an empty GPU is no CPU");
}

/// Counters without durations, as over `OpenAI`'s API.
fn counted() -> Usage {
    Usage { prompt_tokens: 200, output_tokens: 100, ..Usage::default() }
}

/// Asks a host; its call is the `attempt`-th. The first piece comes after `first_ms`.
fn begin(fleet: &mut Fleet, attempt: u64, host: &str, first_ms: u64) {
    fleet.submit(attempt, Request { host: Some(host.into()), ..ask() });
    fleet.after(first_ms, Event::FirstToken { attempt: AttemptId(attempt) });
}

fn rates(fleet: &Fleet) -> (f64, f64) {
    let model = believed(fleet).and_then(|host| host.models.into_iter().next());
    model.map_or((0.0, 0.0), |model| (model.prefill_tok_per_s, model.decode_tok_per_s))
}

#[test]
fn an_answer_without_durations_teaches_by_the_times_of_its_pieces() {
    let mut fleet = Fleet::of(&["pc"]);
    fleet.up("pc", &[("m", 2.0)], &["m"]);
    let before = rates(&fleet);
    for attempt in 1..=10 {
        begin(&mut fleet, attempt, "pc", 500);
        fleet.after(2_500, Event::Succeeded { attempt: AttemptId(attempt), usage: counted() });
    }
    let (prefill, decode) = rates(&fleet);
    assert!(
        (prefill / 400.0 - 1.0).abs() < 0.1 && (decode / 40.0 - 1.0).abs() < 0.1,
        "{prefill} {decode} {before:?}"
    );
}

#[test]
fn a_load_a_client_that_does_not_read_and_a_piece_that_comes_whole_are_no_speed() {
    let mut fleet = Fleet::of(&["pc"]);
    fleet.up("pc", &[("m", 2.0)], &["m"]);
    for attempt in 1..=10 {
        begin(&mut fleet, attempt, "pc", 500);
        fleet.after(2_500, Event::Succeeded { attempt: AttemptId(attempt), usage: counted() });
    }
    let before = rates(&fleet);
    // It was pushed out meanwhile, and is loaded anew.
    begin(&mut fleet, 11, "pc", 9_000);
    fleet.step(Event::Held { attempt: AttemptId(11) });
    fleet.after(60_000, Event::Succeeded { attempt: AttemptId(11), usage: counted() });
    begin(&mut fleet, 12, "pc", 500);
    fleet.after(3, Event::Succeeded { attempt: AttemptId(12), usage: counted() });
    let after = rates(&fleet);
    assert!(
        (after.0 / before.0 - 1.0).abs() < 0.02 && (after.1 / before.1 - 1.0).abs() < 0.02,
        "{before:?} {after:?}"
    );
}

/// Two servers answer by turns alone and beside each other, when each is `slower` times slower; who is on `a`'s machine then.
fn together_after(slower: u64, config: Config) -> Vec<String> {
    let mut fleet = Fleet::new(config);
    for host in ["a", "b"] {
        fleet.up(host, &[("m", 2.0)], &["m"]);
    }
    let mut attempt = 0;
    for round in 0..60_u64 {
        let beside = round % 2 == 1;
        let writing_ms = 1_000 * if beside { slower } else { 1 };
        let hosts: &[&str] = match (beside, round % 4) {
            (true, _) => &["a", "b"],
            (false, 0) => &["a"],
            (false, _) => &["b"],
        };
        for host in hosts {
            attempt += 1;
            begin(&mut fleet, attempt, host, 10);
        }
        fleet.now += writing_ms;
        for place in 0..hosts.len() as u64 {
            fleet.step(Event::Succeeded { attempt: AttemptId(attempt - place), usage: counted() });
        }
    }
    let shared = believed(&fleet).map(|host| host.shares_machine_with).unwrap_or_default();
    shared.iter().map(ToString::to_string).collect()
}

#[test]
fn servers_share_a_machine_as_told_or_else_as_they_slow_each_other() {
    let hosts = |machines: [Option<&str>; 2]| {
        let host = |(id, machine): (&str, Option<&str>)| HostConfig {
            machine: machine.map(str::to_owned),
            // Tunnels to anywhere end at one name.
            instance: Some("localhost".into()),
            ..HostConfig::new(id)
        };
        Config::new(["a", "b"].into_iter().zip(machines).map(host).collect())
    };
    assert_eq!(together_after(2, hosts([None, None])), ["b"]);
    assert!(together_after(1, hosts([None, None])).is_empty());
    assert_eq!(together_after(1, hosts([Some("pc"), Some("pc")])), ["b"]);
    assert!(together_after(2, hosts([Some("pc"), Some("nas")])).is_empty());
}
