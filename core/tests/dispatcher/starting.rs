//! Before the fleet is known, and after a restart.

use smart_ai_core::{
    AttemptId, Config, Dispatcher, Effect, Event, HostConfig, HostId, HostReport, HostState, JobId,
    Knowledge, Millis, Source, Step, Subject, Usage,
};

use crate::world::{Fleet, ask, call, called, decode_rate, usage};

#[test]
fn it_looks_at_every_host_and_the_metrics_first() {
    let mut config = Config::new(vec![HostConfig::new("a"), HostConfig::new("b")]);
    config.metrics = true;
    let effects = Fleet::new(config).step(Event::Tick).effects;
    let refresh = |source| Effect::Refresh { source, within_ms: 25_000 };
    let host = |id: &str| refresh(Source::Host { host: HostId::from(id) });
    assert_eq!(effects, [host("a"), host("b"), refresh(Source::Signals)]);
}

#[test]
fn a_job_waits_for_the_fleet_then_goes_to_the_loaded_model() {
    let mut fleet = Fleet::of(&["pc", "nas"]);
    assert_eq!(call(&fleet.submit(1, ask())), None);
    assert_eq!(call(&fleet.up("pc", &[("m", 2.0)], &[])), None);
    let effects = fleet.up("nas", &[("m", 2.0)], &["m"]);
    assert_eq!(called(&effects), "m@nas");
}

#[test]
fn a_host_that_never_answers_delays_a_job_half_a_second_where_a_loaded_model_is_known() {
    let mut fleet = Fleet::of(&["pc", "silent"]);
    fleet.submit(1, ask());
    fleet.up("pc", &[("m", 2.0)], &["m"]);
    let step = fleet.after(499, Event::Tick);
    assert_eq!((call(&step.effects), step.wake_at), (None, Some(Millis(1_500))));
    assert_eq!(called(&fleet.after(1, Event::Tick).effects), "m@pc");
}

#[test]
fn a_host_that_never_answers_delays_a_job_three_seconds_where_a_model_had_to_be_loaded() {
    let mut fleet = Fleet::of(&["pc", "silent"]);
    fleet.submit(1, ask());
    fleet.up("pc", &[("m", 2.0)], &[]);
    let step = fleet.after(2_999, Event::Tick);
    assert_eq!((call(&step.effects), step.wake_at), (None, Some(Millis(4_000))));
    assert_eq!(called(&fleet.after(1, Event::Tick).effects), "m@pc");
}

#[test]
fn what_was_learned_survives_a_restart() -> Result<(), Box<dyn std::error::Error>> {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.submit(1, ask());
    fleet.step(Event::Succeeded { attempt: AttemptId(1), usage: usage() });
    let json = serde_json::to_string(&fleet.dispatcher.snapshot())?;
    let config = Config::new(vec![HostConfig::new("a")]);
    let dispatcher = Dispatcher::restore(config, 7, &serde_json::from_str(&json)?)?;
    let mut again = Fleet { dispatcher, now: 5_000 };
    again.up("a", &[("m", 2.0)], &["m"]);
    assert!((decode_rate(&again) - decode_rate(&fleet)).abs() < 1e-9);
    Ok(())
}

#[test]
fn a_host_that_is_off_at_one_restart_has_lost_nothing_by_the_next() -> Result<(), Box<dyn std::error::Error>>
{
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.submit(1, ask());
    fleet.step(Event::Succeeded { attempt: AttemptId(1), usage: usage() });
    let mut snapshot = fleet.dispatcher.snapshot();
    for _ in 0..2 {
        let json = serde_json::to_string(&snapshot)?;
        let config = Config::new(vec![HostConfig::new("a")]);
        snapshot = Dispatcher::restore(config, 7, &serde_json::from_str(&json)?)?.snapshot();
    }
    let dispatcher = Dispatcher::restore(Config::new(vec![HostConfig::new("a")]), 7, &snapshot)?;
    let mut again = Fleet { dispatcher, now: 5_000 };
    again.up("a", &[("m", 2.0)], &["m"]);
    assert!((decode_rate(&again) - decode_rate(&fleet)).abs() < 1e-9);
    Ok(())
}

#[test]
fn what_others_learned_is_added_while_it_works_and_hosts_that_are_off_keep_theirs() {
    let learn = |fleet: &mut Fleet, job: u64| {
        fleet.submit(job, ask());
        fleet.step(Event::Succeeded { attempt: AttemptId(job), usage: usage() });
    };
    let mut first = Fleet::of(&["a", "off"]);
    first.up("a", &[("m", 2.0)], &["m"]);
    first.up("off", &[], &[]);
    learn(&mut first, 1);
    let known = first.dispatcher.knowledge();
    let mut again = Fleet::of(&["a", "off"]);
    again.up("off", &[], &[]);
    again.dispatcher.absorb(&Knowledge::default(), &known);
    assert_eq!(again.dispatcher.knowledge(), known, "a host that has not been seen yet loses its models");
    again.up("a", &[("m", 2.0)], &["m"]);
    assert!((decode_rate(&again) - decode_rate(&first)).abs() < 1e-9);
    assert_eq!(again.dispatcher.knowledge(), known);
    // One that has learned before the others' knowledge comes holds both, each once.
    let mut late = Fleet::of(&["a", "off"]);
    late.up("off", &[], &[]);
    late.up("a", &[("m", 2.0)], &["m"]);
    learn(&mut late, 1);
    let own = late.dispatcher.knowledge();
    late.dispatcher.absorb(&Knowledge::default(), &known);
    let mut both = known.clone();
    both.unite(&Knowledge::default(), &own);
    let weight = |knowledge: &Knowledge| {
        let subject = Subject::Host { host: "a".into() };
        let lessons = serde_json::to_value(knowledge.get(&subject)).unwrap_or_default();
        lessons.pointer("/decode_speed/mean/weight").and_then(serde_json::Value::as_f64)
    };
    assert_eq!(weight(&own), Some(1.0));
    assert!(weight(&late.dispatcher.knowledge()).is_some_and(|weight| weight > 1.5));
    assert_eq!(weight(&late.dispatcher.knowledge()), weight(&both));
    // What comes back after it was written is not learned twice.
    let before = late.dispatcher.knowledge();
    late.dispatcher.absorb(&before, &before);
    assert_eq!(late.dispatcher.knowledge(), before);
}

#[test]
fn late_and_unknown_events_change_nothing() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    let attempt = AttemptId(99);
    for event in [
        Event::Started { attempt },
        Event::Progress { attempt, tokens: 3 },
        Event::Succeeded { attempt, usage: Usage::default() },
        Event::Cancel { job: JobId(99) },
        Event::HostState { host: "mars".into(), state: HostState::Up(HostReport::default()) },
    ] {
        assert_eq!(fleet.step(event), Step::default());
    }
}
