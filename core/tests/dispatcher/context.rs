//! Which context a call asks for: never less than what the owner set, or what is there.

use smart_ai_core::{
    AttemptId, Effect, Event, FailureKind, HostReport, HostState, ModelDetails, ModelState, ModelTag,
    Request, ResidentModel, Task,
};

use crate::world::{Fleet, ask, usage};

/// What the one call among the effects asks for.
fn asked(effects: &[Effect]) -> Asked {
    let called = effects.iter().find_map(|effect| {
        if let Effect::Call { options, .. } = effect {
            Some(options.num_ctx.map_or(Asked::Nothing, Asked::Tokens))
        } else {
            None
        }
    });
    called.unwrap_or(Asked::NoCall)
}

#[derive(PartialEq, Debug)]
enum Asked {
    NoCall,
    Nothing,
    Tokens(u32),
}

/// The host lists `m`, in memory with so much context or not at all.
fn look(fleet: &mut Fleet, context_tokens: Option<u32>) {
    let tag = ModelTag { name: "m".into(), digest: "sha256:m".into(), ..ModelTag::default() };
    let resident = ResidentModel { name: "m".into(), context_tokens, ..ResidentModel::default() };
    let report = HostReport {
        version: Some("0.24.0".into()),
        models: Some(vec![tag]),
        resident: Some(context_tokens.map(|_| resident).into_iter().collect()),
    };
    fleet.step(Event::HostState { host: "pc".into(), state: HostState::Up(report) });
}

fn show(fleet: &mut Fleet, num_ctx: Option<u32>) {
    let details = ModelDetails {
        capabilities: vec![smart_ai_core::Capability::Completion, smart_ai_core::Capability::Embedding],
        context_tokens: Some(131_072),
        num_ctx,
        ..ModelDetails::default()
    };
    let state = ModelState::Known(details);
    fleet.step(Event::ModelState { host: "pc".into(), model: "m".into(), state });
}

fn fleet(context_tokens: Option<u32>, num_ctx: Option<u32>) -> Fleet {
    let mut fleet = Fleet::of(&["pc"]);
    look(&mut fleet, context_tokens);
    show(&mut fleet, num_ctx);
    fleet
}

/// A call from its begin to its end; the context it asked for.
fn call(fleet: &mut Fleet, job: u64, request: Request) -> Asked {
    let said = asked(&fleet.submit(job, request));
    fleet.step(Event::Started { attempt: AttemptId(job) });
    fleet.step(Event::FirstToken { attempt: AttemptId(job) });
    fleet.after(5_500, Event::Succeeded { attempt: AttemptId(job), usage: usage() });
    said
}

fn long() -> Request {
    Request::new(Task::General, 6_000)
}

#[test]
fn a_modelfile_with_enough_is_left_alone_and_one_with_less_is_raised() {
    assert_eq!(call(&mut fleet(None, Some(32_768)), 1, long()), Asked::Nothing);
    assert_eq!(call(&mut fleet(None, Some(4_096)), 1, long()), Asked::Tokens(8_192));
}

#[test]
fn a_cold_model_whose_host_nobody_knows_gets_what_the_host_gives() {
    let mut fleet = fleet(None, None);
    assert_eq!(call(&mut fleet, 1, long()), Asked::Nothing);
    look(&mut fleet, Some(32_768));
    assert_eq!(call(&mut fleet, 2, long()), Asked::Nothing, "the host's own is enough");
    look(&mut fleet, None);
    assert_eq!(call(&mut fleet, 3, long()), Asked::Nothing, "and is known now");
}

#[test]
fn a_prompt_that_did_not_fit_what_the_host_gives_asks_for_more() {
    let mut fleet = fleet(None, None);
    assert_eq!(asked(&fleet.submit(1, long())), Asked::Nothing);
    assert_eq!(asked(&fleet.fail(1, FailureKind::ContextTooSmall)), Asked::Tokens(8_192));
}

#[test]
fn clients_that_name_a_context_and_clients_that_name_none_share_what_is_loaded() {
    let mut fleet = fleet(None, None);
    let named = Request { num_ctx: Some(16_384), ..ask() };
    for job in [1, 3, 5] {
        assert_eq!(call(&mut fleet, job, named.clone()), Asked::Nothing, "the caller's own stands");
        look(&mut fleet, Some(16_384));
        assert_eq!(call(&mut fleet, job + 1, ask()), Asked::Tokens(16_384));
    }
}

#[test]
fn a_cap_on_the_answer_is_no_need_for_context() {
    let mut fleet = fleet(Some(4_096), None);
    let capped = Request { max_tokens: Some(100_000), ..ask() };
    assert_eq!(call(&mut fleet, 1, capped), Asked::Nothing);
}

#[test]
fn a_batch_to_embed_is_as_long_as_its_longest_text() {
    let mut fleet = fleet(Some(4_096), None);
    let batch = Request { longest_text_tokens: Some(300), ..Request::new(Task::Embed, 90_000) };
    assert_eq!(call(&mut fleet, 1, batch), Asked::Nothing);
}
