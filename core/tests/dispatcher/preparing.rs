//! Models that are loaded before anybody asks them.

use smart_ai_core::{
    AttemptId, Effect, Event, Failure, FailureKind, JobId, PrepareState, Prepared, Request, Task,
};

use crate::world::{Fleet, ask, called};

fn prepare(fleet: &mut Fleet, job: u64, in_ms: u64) -> Vec<Effect> {
    fleet.step(Event::Prepare { job: JobId(job), request: ask(), in_ms }).effects
}

fn loads(effects: &[Effect]) -> Vec<String> {
    let arm = |effect: &Effect| {
        if let Effect::Load { host, model, .. } = effect { Some(format!("{model}@{host}")) } else { None }
    };
    effects.iter().filter_map(arm).collect()
}

fn answers(effects: &[Effect]) -> Vec<(u64, Prepared)> {
    let answer = |effect: &Effect| {
        if let Effect::Prepared { job, prepared } = effect { Some((job.0, prepared.clone())) } else { None }
    };
    effects.iter().filter_map(answer).collect()
}

fn states(effects: &[Effect]) -> Vec<(u64, PrepareState)> {
    answers(effects).into_iter().map(|(job, prepared)| (job, prepared.state)).collect()
}

fn ended(failure: Option<Failure>) -> Event {
    Event::LoadEnded { host: "pc".into(), model: "m".into(), failure }
}

#[test]
fn one_load_serves_all_who_wait_and_the_next_ask_finds_it_warm() {
    let mut fleet = Fleet::of(&["pc"]);
    fleet.up("pc", &[("m", 2.0)], &[]);
    assert_eq!(loads(&prepare(&mut fleet, 1, 0)), ["m@pc"]);
    let second = prepare(&mut fleet, 2, 0);
    assert_eq!((loads(&second), states(&second)), (vec![], vec![]));
    fleet.now += 4_000;
    let done = fleet.step(ended(None)).effects;
    assert_eq!(states(&done), [(1, PrepareState::Loaded), (2, PrepareState::Loaded)]);
    assert!(answers(&done).iter().all(|(_, prepared)| prepared.ok && prepared.ms >= 4_000.0));
    fleet.up("pc", &[("m", 2.0)], &["m"]);
    assert_eq!(states(&prepare(&mut fleet, 3, 0)), [(3, PrepareState::Warm)]);
    assert_eq!(called(&fleet.submit(4, ask())), "m@pc");
    let decision = fleet.dispatcher.decision(JobId(4));
    let load_s = decision.and_then(|decision| Some(decision.candidates.first()?.terms.load_s));
    assert_eq!(load_s, Some(0.0), "the model is in memory");
}

#[test]
fn a_load_that_a_call_has_begun_is_waited_for() {
    let mut fleet = Fleet::of(&["pc"]);
    fleet.up("pc", &[("m", 2.0)], &[]);
    assert_eq!(called(&fleet.submit(1, ask())), "m@pc");
    let wish = prepare(&mut fleet, 2, 0);
    assert_eq!((loads(&wish), states(&wish)), (vec![], vec![]));
    let started = fleet.after(3_000, Event::FirstToken { attempt: AttemptId(1) }).effects;
    let later = fleet.after(1_000, Event::Tick).effects;
    assert_eq!(states(&[started, later].concat()), [(2, PrepareState::Warm)]);
}

#[test]
fn a_model_wanted_later_is_loaded_shortly_before() {
    let mut fleet = Fleet::of(&["pc"]);
    fleet.up("pc", &[("m", 2.0)], &[]);
    let wish = prepare(&mut fleet, 1, 3_600_000);
    assert_eq!((loads(&wish), states(&wish)), (vec![], vec![(1, PrepareState::Planned)]));
    let step = fleet.step(Event::Tick);
    let wake = step.wake_at.map_or(0, |at| at.0 - fleet.now);
    assert!((3_580_000..3_600_000).contains(&wake), "{wake} ms until the load");
    let due = fleet.after(wake, Event::Tick).effects;
    assert_eq!(loads(&due), Vec::<String>::new(), "the host is looked at first");
    fleet.up("pc", &[("m", 2.0)], &[]);
    let begun = fleet.step(Event::Tick).effects;
    let failure = Failure::new(FailureKind::OutOfMemory, "cudaMalloc failed");
    let done = fleet.after(2_000, ended(Some(failure))).effects;
    assert_eq!(states(&[begun, done].concat()), [], "who asked has an answer already");
}

#[test]
fn a_load_that_fails_says_why_and_the_host_is_looked_at() {
    let mut fleet = Fleet::of(&["pc"]);
    fleet.up("pc", &[("m", 2.0)], &[]);
    prepare(&mut fleet, 1, 0);
    let failure = Failure::new(FailureKind::OutOfMemory, "cudaMalloc failed");
    let done = fleet.after(2_000, ended(Some(failure))).effects;
    let message = answers(&done).first().and_then(|(_, prepared)| Some(prepared.error.clone()?.message));
    assert_eq!(message.as_deref(), Some("pc could not load m: out_of_memory: cudaMalloc failed"));
    assert!(done.iter().any(|effect| matches!(effect, Effect::Refresh { .. })));
}

#[test]
fn a_load_of_which_nothing_is_heard_ends() {
    let mut fleet = Fleet::of(&["pc"]);
    fleet.up("pc", &[("m", 2.0)], &[]);
    prepare(&mut fleet, 1, 0);
    let lost = fleet.after(630_000, Event::Tick).effects;
    assert_eq!(states(&lost), [(1, PrepareState::Failed)]);
}

#[test]
fn a_wish_without_a_model_is_refused_as_a_request_would_be() {
    let mut fleet = Fleet::of(&["pc"]);
    fleet.up("pc", &[("m", 2.0)], &[]);
    let request = Request { model: Some("other".into()), ..Request::new(Task::General, 10) };
    let effects = fleet.step(Event::Prepare { job: JobId(1), request, in_ms: 0 }).effects;
    let answers = answers(&effects);
    let error = answers.first().and_then(|(_, prepared)| prepared.error.as_ref());
    assert!(error.is_some_and(|error| error.message.contains("other")), "{answers:?}");
}
