//! How long looks may take, and when they are made.

use smart_ai_core::{Effect, Event, Failure, FailureKind, HostState, Source};

use crate::world::{Fleet, ask, called};

/// How long a look at the host may take, where one begins.
fn within_ms(effects: &[Effect]) -> Option<u32> {
    effects.iter().find_map(|effect| match effect {
        Effect::Refresh { source: Source::Host { .. }, within_ms } => Some(*within_ms),
        Effect::Refresh { .. }
        | Effect::Call { .. }
        | Effect::Abort { .. }
        | Effect::Resolve { .. }
        | Effect::Reject { .. } => None,
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
