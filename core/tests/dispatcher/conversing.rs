//! Prompts that begin as an earlier one did.

use super::world::{Fleet, called, usage};
use smart_ai_core::{AttemptId, Config, Effect, Event, HostConfig, Request, Usage, wire::Ask};

fn ask(messages: &[(&str, &str)]) -> Request {
    let messages: Vec<_> = messages
        .iter()
        .map(|(role, content)| serde_json::json!({ "role": role, "content": content }))
        .collect();
    let ask = serde_json::json!({ "task": "chat", "max_tokens": 10, "messages": messages }).to_string();
    match Ask::from_json(&ask).and_then(|ask| ask.request()) {
        Ok(request) => request,
        Err(error) => unreachable!("{error:?}"),
    }
}

fn long(topic: &str) -> String {
    (0..600).map(|fact| format!("Fact {fact} of {topic}. ")).collect::<Vec<_>>().concat()
}

fn done(fleet: &mut Fleet, attempt: u64, prompt_tokens: u32, prompt_ms: f64) {
    let total_ms = prompt_ms + 1_000.0;
    let usage =
        Usage { prompt_tokens, output_tokens: 10, prompt_ms, output_ms: 1_000.0, total_ms, ..usage() };
    fleet.after(prompt_ms as u64, Event::FirstToken { attempt: AttemptId(attempt) });
    fleet.after(1_000, Event::Succeeded { attempt: AttemptId(attempt), usage });
}

/// Two hosts alike, each with the model in memory; the first has answered the first turn of a conversation.
fn after_a_turn() -> (Fleet, String) {
    let mut fleet = Fleet::of(&["a", "b"]);
    for host in ["a", "b"] {
        fleet.up(host, &[("m", 2.0)], &["m"]);
    }
    let text = long("trees");
    let first = ask(&[("user", &text)]);
    let tokens = first.prompt_tokens;
    assert_eq!(called(&fleet.submit(1, first)), "m@a");
    done(&mut fleet, 1, tokens, 50_000.0);
    (fleet, text)
}

#[test]
fn a_conversation_stays_where_it_was_read() {
    let (mut fleet, text) = after_a_turn();
    // Another prompt teaches that the second host is a little faster.
    let other = ask(&[("user", &long("stones"))]);
    let tokens = other.prompt_tokens;
    fleet.dispatcher.step(smart_ai_core::Millis(fleet.now), Event::Tick);
    let pinned = Request { host: Some("b".into()), ..other };
    assert_eq!(called(&fleet.submit(2, pinned)), "m@b");
    done(&mut fleet, 2, tokens, 40_000.0);
    let next = ask(&[("user", &text), ("assistant", "Yes."), ("user", "And why?")]);
    let unread = Request { prefix: Vec::new(), ..next.clone() };
    let decided = fleet.dispatcher.decide(smart_ai_core::Millis(fleet.now), &unread);
    assert_eq!(decided.chosen.map(|arm| arm.host.to_string()), Some("b".to_owned()));
    let decided = fleet.dispatcher.decide(smart_ai_core::Millis(fleet.now), &next);
    assert!(decided.notes.iter().any(|note| note.starts_with("a has read ")), "{:?}", decided.notes);
    assert!(decided.predicted_ms < 20_000.0, "{}", decided.predicted_ms);
    assert_eq!(called(&fleet.submit(3, next)), "m@a");
}

#[test]
fn a_conversation_leaves_an_arm_that_is_busy_for_long() {
    let (mut fleet, text) = after_a_turn();
    let long_one =
        Request { host: Some("a".into()), max_tokens: Some(4_000), ..ask(&[("user", &long("stones"))]) };
    assert_eq!(called(&fleet.submit(2, long_one)), "m@a");
    let next = ask(&[("user", &text), ("assistant", "Yes."), ("user", "And why?")]);
    assert_eq!(called(&fleet.submit(3, next)), "m@b");
}

#[test]
fn what_is_unloaded_is_forgotten() {
    let (mut fleet, text) = after_a_turn();
    fleet.now += 1_000;
    fleet.up("a", &[("m", 2.0)], &[]);
    fleet.now += 1_000;
    fleet.up("a", &[("m", 2.0)], &["m"]);
    let next = ask(&[("user", &text), ("assistant", "Yes."), ("user", "And why?")]);
    let decided = fleet.dispatcher.decide(smart_ai_core::Millis(fleet.now), &next);
    assert!(!decided.notes.iter().any(|note| note.contains("has read")), "{:?}", decided.notes);
}

#[test]
fn one_slot_keeps_one_prompt_and_two_keep_two() {
    for (slots, expected) in [(1, false), (2, true)] {
        let host = HostConfig { parallel: Some(slots), ..HostConfig::new("a") };
        let mut fleet = Fleet::new(Config::new(vec![host]));
        fleet.up("a", &[("m", 2.0)], &["m"]);
        let (one, other) = (ask(&[("user", &long("trees"))]), ask(&[("user", &long("stones"))]));
        let tokens = one.prompt_tokens;
        fleet.submit(1, one.clone());
        done(&mut fleet, 1, tokens, 50_000.0);
        fleet.submit(2, other);
        done(&mut fleet, 2, tokens, 50_000.0);
        let decided = fleet.dispatcher.decide(smart_ai_core::Millis(fleet.now), &one);
        let note = decided.notes.iter().any(|note| note.contains("has read"));
        assert_eq!(note, expected, "{slots} slots: {:?}", decided.notes);
    }
}

#[test]
fn a_prompt_that_was_pushed_out_is_given_the_time_to_be_read_again() {
    let (mut fleet, text) = after_a_turn();
    for attempt in [2, 3] {
        let again = ask(&[("user", &text), ("assistant", "Yes."), ("user", "And why?")]);
        let tokens = again.prompt_tokens;
        assert_eq!(called(&fleet.submit(attempt, again)), "m@a");
        done(&mut fleet, attempt, tokens, 2_000.0);
    }
    let next = ask(&[("user", &text), ("assistant", "Yes."), ("user", "And then?")]);
    assert_eq!(called(&fleet.submit(4, next)), "m@a");
    let step = fleet.after(60_000, Event::Tick);
    let aborted = step.effects.iter().any(|effect| matches!(effect, Effect::Abort { .. }));
    assert!(!aborted, "{:?}", step.effects);
}

#[test]
fn a_new_conversation_leaves_others_what_was_read_for_them() {
    let (mut fleet, _) = after_a_turn();
    let new = ask(&[("user", &long("rivers"))]);
    let decided = fleet.dispatcher.decide(smart_ai_core::Millis(fleet.now), &new);
    let reload_s = |host: &str| {
        let arm = decided.candidates.iter().find(|arm| arm.host.as_str() == host);
        arm.map_or(f64::NAN, |arm| arm.terms.reload_s)
    };
    assert!(reload_s("a") > 1.0 && reload_s("b") < 1e-9, "{} {}", reload_s("a"), reload_s("b"));
    assert_eq!(called(&fleet.submit(2, new)), "m@b");
}
