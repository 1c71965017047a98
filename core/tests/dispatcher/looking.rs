//! How long looks may take, and when they are made.

use std::collections::{BTreeSet, VecDeque};

use smart_ai_core::{
    Capability, Effect, Event, Failure, FailureKind, HostReport, HostState, Millis, ModelDetails, ModelState,
    ModelTag, Request, ResidentModel, Source,
};

use crate::world::{Fleet, ask, call, called};

/// How long a look at the host may take, where one begins.
fn within_ms(effects: &[Effect]) -> Option<u32> {
    effects.iter().find_map(|effect| {
        if let Effect::Refresh { source: Source::Host { .. }, within_ms } = effect {
            Some(*within_ms)
        } else {
            None
        }
    })
}

fn late() -> Event {
    let failure = Failure::new(FailureKind::ConnectTimeout, "no answer in time");
    Event::HostState { host: "nas".into(), state: HostState::Down(failure) }
}

#[test]
fn a_host_whose_list_takes_twelve_seconds_can_be_used_and_stays_up() {
    let mut fleet = Fleet::of(&["nas"]);
    assert!(within_ms(&fleet.step(Event::Look).effects).is_some_and(|ms| ms > 12_000));
    for _ in 0..5 {
        fleet.now += 12_000;
        fleet.up("nas", &[("m", 2.0)], &["m"]);
        assert!(within_ms(&fleet.after(5_000, Event::Look).effects).is_some_and(|ms| ms > 12_000));
    }
    assert_eq!(called(&fleet.submit(1, ask())), "m@nas");
}

#[test]
fn a_host_that_was_quick_is_found_out_soon_and_given_more_time_after() {
    let mut fleet = Fleet::of(&["nas"]);
    fleet.step(Event::Look);
    fleet.now += 50;
    fleet.up("nas", &[("m", 2.0)], &["m"]);
    assert_eq!(within_ms(&fleet.after(5_000, Event::Look).effects), Some(10_000));
    fleet.after(10_000, late());
    assert_eq!(within_ms(&fleet.after(1_000, Event::Look).effects), Some(20_000), "it may only be slow");
    fleet.after(2_000, late());
    let again = fleet.after(1_000, Event::Look).effects;
    assert_eq!(within_ms(&again), Some(20_000), "no connection came about, which more time would not mend");
}

#[test]
fn one_look_at_a_time_and_another_after_it_where_somebody_asked_meanwhile() {
    let mut fleet = Fleet::of(&["nas"]);
    assert!(within_ms(&fleet.step(Event::Look).effects).is_some());
    assert_eq!(within_ms(&fleet.after(5_000, Event::Look).effects), None);
    fleet.now += 1;
    assert!(within_ms(&fleet.up("nas", &[("m", 2.0)], &["m"])).is_some());
    fleet.now += 1;
    assert_eq!(within_ms(&fleet.up("nas", &[("m", 2.0)], &["m"])), None);
}

/// The models that `/api/show` is to be asked about.
fn inquired(effects: &[Effect]) -> Vec<String> {
    let model = |effect: &Effect| {
        if let Effect::Refresh { source: Source::Model { model, .. }, .. } = effect {
            Some(model.as_str().to_owned())
        } else {
            None
        }
    };
    effects.iter().filter_map(model).collect()
}

/// The host lists m000 and so on, the last of which is loaded.
fn lists(fleet: &mut Fleet, models: usize) -> Vec<Effect> {
    let tag = |at: usize| ModelTag { name: format!("m{at:03}"), size_bytes: 1, ..ModelTag::default() };
    let last = format!("m{:03}", models - 1);
    let report = HostReport {
        version: None,
        models: Some((0..models).map(tag).collect()),
        resident: Some(vec![ResidentModel { name: last, ..ResidentModel::default() }]),
    };
    fleet.step(Event::HostState { host: "pc".into(), state: HostState::Up(report) }).effects
}

fn shows(fleet: &mut Fleet, model: &str) -> Vec<Effect> {
    let capabilities = vec![Capability::Completion];
    let state = ModelState::Known(ModelDetails { capabilities, ..ModelDetails::default() });
    fleet.step(Event::ModelState { host: "pc".into(), model: model.into(), state }).effects
}

#[test]
fn a_long_list_is_asked_about_a_few_models_at_a_time_and_becomes_known_whole() {
    let mut fleet = Fleet::of(&["pc"]);
    fleet.step(Event::Look);
    let mut pending: VecDeque<String> = inquired(&lists(&mut fleet, 250)).into();
    assert_eq!(pending.front().map(String::as_str), Some("m249"), "what is loaded comes first");
    let mut asked: BTreeSet<String> = pending.iter().cloned().collect();
    while let Some(model) = pending.pop_front() {
        assert!(pending.len() < 8, "{} are pending", pending.len() + 1);
        assert!(!fleet.dispatcher.is_settled());
        for next in inquired(&shows(&mut fleet, &model)) {
            assert!(asked.insert(next.clone()), "{next} is asked about twice");
            pending.push_back(next);
        }
    }
    assert_eq!(asked.len(), 250);
    assert!(fleet.dispatcher.is_settled());
}

#[test]
fn a_job_for_a_model_at_the_end_of_a_long_list_does_not_wait_for_the_rest() {
    let mut fleet = Fleet::of(&["pc"]);
    fleet.step(Event::Look);
    assert_eq!(inquired(&lists(&mut fleet, 250)).len(), 8);
    let named = Request { model: Some("M240:latest".into()), ..ask() };
    let effects = fleet.submit(1, named.clone());
    assert_eq!((call(&effects), inquired(&effects)), (None, vec!["m240".to_owned()]));
    assert_eq!(called(&shows(&mut fleet, "m240")), "m240@pc");
    // One that was submitted before the first look.
    let mut fleet = Fleet::of(&["pc"]);
    fleet.submit(1, named);
    assert_eq!(inquired(&lists(&mut fleet, 250)).first().map(String::as_str), Some("m240"));
    assert_eq!(called(&shows(&mut fleet, "m240")), "m240@pc");
}

#[test]
fn a_question_that_failed_or_was_lost_is_asked_again_after_the_next_look() {
    let mut fleet = Fleet::of(&["pc"]);
    fleet.step(Event::Look);
    assert_eq!(inquired(&lists(&mut fleet, 2)), ["m001", "m000"]);
    let state = ModelState::Unknown(Failure::new(FailureKind::ServerError, "as the test wants"));
    let failed = fleet.step(Event::ModelState { host: "pc".into(), model: "m000".into(), state });
    assert!(inquired(&failed.effects).is_empty());
    fleet.after(1_000, Event::Look);
    assert_eq!(inquired(&lists(&mut fleet, 2)), ["m000"], "the other one may still be answered");
    fleet.after(60_000, Event::Look);
    assert_eq!(inquired(&lists(&mut fleet, 2)), ["m001", "m000"]);
}

#[test]
fn a_dry_run_waits_until_three_seconds_after_the_start_for_a_host_that_nobody_has_seen() {
    let mut fleet = Fleet::of(&["a", "nas"]);
    fleet.step(Event::Tick);
    let by = fleet.dispatcher.settles_by();
    assert_eq!(by, Some(Millis(fleet.now + 3_000)));
    fleet.now += 1_000;
    fleet.up("a", &[("m", 2.0)], &["m"]);
    assert_eq!(fleet.dispatcher.settles_by(), by, "counted from the start, not from each question");
    fleet.after(2_000, Event::Tick);
    assert_eq!(fleet.dispatcher.settles_by(), None, "it has waited long enough, and does not again");
}

#[test]
fn a_dry_run_waits_for_nothing_once_every_host_has_been_looked_at() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.step(Event::Tick);
    assert!(fleet.dispatcher.settles_by().is_some());
    fleet.up("a", &[("m", 2.0)], &["m"]);
    assert_eq!(fleet.dispatcher.settles_by(), None);
}
