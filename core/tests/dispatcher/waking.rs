//! The machine sleeps for hours and wakes.

use smart_ai_core::{AttemptId, Effect, Event, Failure, FailureKind, Step};

use crate::world::{Fleet, ask, call, called, code, decode_rate, usage};

const EIGHT_HOURS_MS: u64 = 8 * 3_600_000;

/// As a driver does: what was slept comes first.
fn wake(fleet: &mut Fleet, event: Event) -> Vec<Effect> {
    let now = smart_ai_core::Millis(fleet.now);
    let slept = fleet.dispatcher.slept(now);
    let mut effects = slept.map(|slept| fleet.step(slept).effects).unwrap_or_default();
    effects.extend(fleet.step(event).effects);
    effects
}

fn open(fleet: &Fleet) -> bool {
    fleet.dispatcher.snapshot().hosts.iter().any(|host| host.breaker_open)
}

fn reports(fleet: &mut Fleet) {
    fleet.up("a", &[("m", 2.0)], &["m"]);
}

/// A call that has begun to answer when the machine falls asleep.
fn answering() -> Fleet {
    let mut fleet = Fleet::of(&["a"]);
    reports(&mut fleet);
    let request = smart_ai_core::Request { deadline_ms: Some(60_000), ..ask() };
    assert_eq!(called(&fleet.submit(1, request)), "m@a");
    fleet.after(500, Event::FirstToken { attempt: AttemptId(1) });
    fleet.now += EIGHT_HOURS_MS;
    fleet
}

#[test]
fn a_call_goes_on_after_the_sleep_with_its_patience_and_its_deadline() {
    let mut fleet = answering();
    let effects = wake(&mut fleet, Event::Tick);
    assert!(code(&effects).is_none() && !effects.iter().any(|effect| matches!(effect, Effect::Abort { .. })));
    let before = decode_rate(&fleet);
    let effects = fleet.after(4_500, Event::Succeeded { attempt: AttemptId(1), usage: usage() }).effects;
    let Some(Effect::Resolve { outcome, .. }) = effects.first() else { panic_at(&effects) };
    assert!(outcome.ms.total < 20_000.0, "{outcome:?}");
    assert!(decode_rate(&fleet) > before / 3.0 && !open(&fleet));
}

#[expect(clippy::panic, reason = "a test stops at the first surprise")]
fn panic_at(effects: &[Effect]) -> ! {
    panic!("{effects:?}")
}

#[test]
fn a_connection_that_the_sleep_broke_shuts_nobody_and_the_job_is_asked_again() {
    for kind in [FailureKind::CutOff, FailureKind::Unreachable, FailureKind::ConnectTimeout] {
        let mut fleet = Fleet::of(&["a"]);
        reports(&mut fleet);
        assert_eq!(called(&fleet.submit(1, ask())), "m@a");
        fleet.now += EIGHT_HOURS_MS;
        let failed = Event::Failed { attempt: AttemptId(1), failure: Failure::new(kind, "reset") };
        let mut effects = wake(&mut fleet, failed);
        reports(&mut fleet);
        for _ in 0..20 {
            effects.extend(fleet.after(500, Event::Tick).effects);
        }
        assert_eq!(call(&effects), Some("m@a".to_owned()), "{kind:?}");
        assert!(!open(&fleet) && code(&effects).is_none(), "{kind:?}");
    }
}

#[test]
fn an_answer_that_stands_still_after_the_sleep_is_given_up_in_its_time_and_shuts_nobody() {
    let mut fleet = answering();
    wake(&mut fleet, Event::Tick);
    let Step { wake_at, .. } = fleet.step(Event::Tick);
    assert!(wake_at.is_some_and(|at| at.0 < fleet.now + 31_000), "{wake_at:?}");
    fleet.after(31_000, Event::Tick);
    assert!(!open(&fleet));
}

#[test]
fn a_look_that_the_sleep_broke_says_nothing_and_the_next_begins_at_once() {
    let mut fleet = answering();
    fleet.now -= EIGHT_HOURS_MS;
    let look = |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::Refresh { .. }));
    assert!(look(&fleet.after(5_000, Event::Tick).effects));
    fleet.now += EIGHT_HOURS_MS;
    assert!(!look(&wake(&mut fleet, Event::Tick)), "one look at a time");
    assert!(look(&fleet.down("a")));
    let states: Vec<String> = fleet.dispatcher.snapshot().hosts.into_iter().map(|host| host.state).collect();
    assert_eq!(states, ["up"]);
}

#[test]
fn a_driver_that_is_only_late_or_has_nothing_to_wait_for_did_not_sleep() {
    let mut fleet = Fleet::of(&["a"]);
    reports(&mut fleet);
    let now = |fleet: &Fleet, later| smart_ai_core::Millis(fleet.now + later);
    assert_eq!(fleet.dispatcher.slept(now(&fleet, EIGHT_HOURS_MS)), None, "nobody waits");
    fleet.submit(1, ask());
    assert_eq!(fleet.dispatcher.slept(now(&fleet, 20_000)), None);
    assert!(fleet.dispatcher.slept(now(&fleet, EIGHT_HOURS_MS)).is_some());
}
