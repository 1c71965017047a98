//! Which model embeds where the caller leaves the choice.

use smart_ai_core::{
    AttemptId, Capability, Config, DispatchErrorCode, Dispatcher, Event, HostConfig, HostReport, HostState,
    JobId, Millis, ModelDetails, ModelState, ModelTag, Request, ResidentModel, Task,
};

use crate::world::{Fleet, called, code, usage};

fn up(fleet: &mut Fleet, host: &str, models: &[&str], resident: &[&str]) {
    let tag = |name: &&str| ModelTag {
        name: (*name).into(),
        size_bytes: 300_000_000,
        capabilities: Some(vec![Capability::Embedding]),
        ..ModelTag::default()
    };
    let loaded = |name: &&str| ResidentModel { name: (*name).into(), ..ResidentModel::default() };
    let report = HostReport {
        version: Some("0.30.0".into()),
        models: Some(models.iter().map(tag).collect()),
        resident: Some(resident.iter().map(loaded).collect()),
    };
    fleet.step(Event::HostState { host: host.into(), state: HostState::Up(report) });
    for model in models {
        let capabilities = vec![Capability::Embedding];
        let state = ModelState::Known(ModelDetails { capabilities, ..ModelDetails::default() });
        fleet.step(Event::ModelState { host: host.into(), model: (*model).into(), state });
    }
}

fn texts() -> Request {
    Request::new(Task::Embed, 200)
}

/// The model of an ask that leaves the choice open, which is then answered.
fn embedder(fleet: &mut Fleet, job: u64) -> String {
    let arm = called(&fleet.submit(job, texts()));
    fleet.after(100, Event::Succeeded { attempt: AttemptId(job), usage: usage() });
    arm.split('@').next().unwrap_or_default().to_owned()
}

#[test]
fn it_is_one_model_whichever_is_loaded_or_free() {
    let mut fleet = Fleet::of(&["a", "b"]);
    up(&mut fleet, "a", &["nomic", "minilm"], &["minilm"]);
    up(&mut fleet, "b", &["nomic"], &[]);
    assert_eq!(embedder(&mut fleet, 1), "nomic", "the one that most hosts have");
    up(&mut fleet, "b", &["minilm", "nomic"], &["minilm"]);
    up(&mut fleet, "a", &["minilm"], &["minilm"]);
    assert_eq!(called(&fleet.submit(2, texts())), "nomic@b", "where only one host has it left");
}

#[test]
fn it_is_refused_where_the_model_is_gone() {
    let mut fleet = Fleet::of(&["a"]);
    up(&mut fleet, "a", &["nomic"], &[]);
    assert_eq!(embedder(&mut fleet, 1), "nomic");
    up(&mut fleet, "a", &["minilm"], &["minilm"]);
    assert_eq!(code(&fleet.submit(2, texts())), Some(DispatchErrorCode::UnknownModel));
    let named = Request { model: Some("minilm".into()), ..texts() };
    assert_eq!(called(&fleet.submit(3, named)), "minilm@a");
}

#[test]
fn it_is_kept_over_a_restart() {
    let mut fleet = Fleet::of(&["a"]);
    up(&mut fleet, "a", &["nomic"], &[]);
    assert_eq!(embedder(&mut fleet, 1), "nomic");
    let snapshot = fleet.dispatcher.snapshot();
    let config = Config::new(vec![HostConfig::new("a")]);
    let restored = Dispatcher::restore(config, 7, &snapshot);
    assert!(restored.is_ok());
    let Ok(dispatcher) = restored else { return };
    let mut fleet = Fleet { dispatcher, now: 500_000 };
    up(&mut fleet, "a", &["a-first-by-name", "nomic"], &["a-first-by-name"]);
    let step = fleet.dispatcher.step(Millis(500_000), Event::Submit { job: JobId(9), request: texts() });
    assert_eq!(called(&step.effects), "nomic@a");
}
