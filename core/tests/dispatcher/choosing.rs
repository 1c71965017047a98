//! Which arm.

use smart_ai_core::{
    AttemptId, Capability, Config, DispatchErrorCode, Effect, Event, Failure, FailureKind, HostConfig, JobId,
    Limits, Millis, ModelDetails, ModelState, Request, Sample, SignalName, SignalsState, Task,
};

use crate::world::{Fleet, ask, called, code, usage};

#[test]
fn the_chain_of_models_rules_where_one_of_it_is_installed() {
    let mut fleet = Fleet::of(&["pc", "nas"]);
    fleet.up("pc", &[("phi3:mini", 2.2), ("mistral:7b", 4.1)], &["mistral:7b"]);
    fleet.up("nas", &[("gemma:2b", 1.7)], &[]);
    let decision = fleet.dispatcher.decide(Millis(fleet.now), &ask());
    let arms: Vec<String> =
        decision.candidates.iter().map(|arm| format!("{}@{}", arm.model, arm.host)).collect();
    assert!(arms.contains(&"phi3:mini@pc".into()) && arms.contains(&"gemma:2b@nas".into()), "{arms:?}");
    assert!(!arms.contains(&"mistral:7b@pc".into()), "{arms:?}");
    let mut pinned = ask();
    pinned.model = Some("mistral:7b".into());
    assert_eq!(called(&fleet.submit(1, pinned)), "mistral:7b@pc");
}

/// A host with a model of the chain that calls no tools, and another that does.
fn without_tools_in_the_chain(config: Config) -> Fleet {
    let mut fleet = Fleet::new(config);
    fleet.up("a", &[("phi3:mini", 2.2), ("mistral:7b", 4.1)], &["phi3:mini"]);
    for (model, capabilities) in [("phi3:mini", vec![]), ("mistral:7b", vec![Capability::Tools])] {
        let capabilities = [vec![Capability::Completion], capabilities].concat();
        let details = ModelDetails { capabilities, ..ModelDetails::default() };
        let state = ModelState::Known(details);
        fleet.step(Event::ModelState { host: "a".into(), model: model.into(), state });
    }
    fleet
}

#[test]
fn models_that_no_owner_named_make_way_where_none_of_them_can_do_what_is_asked() {
    let hosts = vec![HostConfig::new("a")];
    let mut with_tools = ask();
    with_tools.needs.push(Capability::Tools);
    let mut fleet = without_tools_in_the_chain(Config::new(hosts.clone()));
    assert_eq!(called(&fleet.submit(1, ask())), "phi3:mini@a");
    assert_eq!(called(&fleet.submit(2, with_tools.clone())), "mistral:7b@a");
    let named = Config { models: vec!["phi3:mini".into()], ..Config::new(hosts) };
    let refused = without_tools_in_the_chain(named).submit(1, with_tools);
    assert_eq!(code(&refused), Some(DispatchErrorCode::NoModel), "the owner's word stands");
}

#[test]
fn the_second_job_avoids_the_busy_arm() {
    let mut fleet = Fleet::of(&["a", "b"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.up("b", &[("m", 2.0)], &["m"]);
    assert_eq!(called(&fleet.submit(1, ask())), "m@a");
    assert_eq!(called(&fleet.submit(2, ask())), "m@b");
}

#[test]
fn what_ends_without_an_answer_says_why() {
    type Change = fn(&mut Request);
    let cases: [(Change, DispatchErrorCode); 5] = [
        (|request| request.model = Some("nope".into()), DispatchErrorCode::UnknownModel),
        (|request| request.host = Some("mars".into()), DispatchErrorCode::UnknownHost),
        (|request| request.task = Task::Vision, DispatchErrorCode::NoModel),
        (|request| request.prompt_tokens = 40_000, DispatchErrorCode::ContextTooSmall),
        (|request| request.prompt_tokens = 4_000_000_000, DispatchErrorCode::InvalidRequest),
    ];
    for (change, expected) in cases {
        let mut fleet = Fleet::of(&["a"]);
        fleet.up("a", &[("m", 2.0)], &["m"]);
        let mut request = ask();
        change(&mut request);
        let effects = fleet.submit(1, request);
        assert_eq!(code(&effects), Some(expected), "{effects:?}");
    }
}

#[test]
fn a_stale_signal_is_named_and_never_stops_a_job() {
    let mut config = Config::new(vec![HostConfig { instance: Some("pc".into()), ..HostConfig::new("a") }]);
    config.metrics = true;
    config.limits = Limits { max_cpu_percent: Some(50.0), min_free_memory_percent: None };
    let mut fleet = Fleet::new(config);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    let busy = Sample { instance: "pc:9100".into(), signal: SignalName::CpuBusyRatio, value: 0.9, age_ms: 0 };
    fleet.step(Event::Signals { state: SignalsState::Up(vec![busy]) });
    assert_eq!(code(&fleet.submit(1, ask())), Some(DispatchErrorCode::OverLimit));
    fleet.now += 46_000;
    let failure = Failure::new(FailureKind::Unreachable, "refused");
    fleet.step(Event::Signals { state: SignalsState::Down(failure) });
    let effects = fleet.submit(2, ask());
    assert_eq!(called(&effects), "m@a");
    let notes =
        fleet.dispatcher.decision(JobId(2)).map(|decision| decision.notes.join("; ")).unwrap_or_default();
    assert!(notes.contains("signals stale: cpu_busy_ratio of a (46 s old)"), "{notes}");
    assert!(notes.contains("metrics server does not answer"), "{notes}");
}

#[test]
fn a_long_prompt_asks_for_one_context_and_keeps_it() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    let mut contexts = Vec::new();
    for (job, prompt_tokens) in [(1, 200), (2, 6_000), (3, 200)] {
        for effect in fleet.submit(job, Request::new(Task::General, prompt_tokens)) {
            if let Effect::Call { options, .. } = effect {
                contexts.push(options.num_ctx);
            }
        }
        fleet.step(Event::Succeeded { attempt: AttemptId(job), usage: usage() });
    }
    assert_eq!(contexts, [None, Some(8_192), Some(8_192)]);
}

#[test]
fn a_model_on_its_way_into_memory_is_said_to_be_loading() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0)], &[]);
    let reason = |fleet: &Fleet| fleet.dispatcher.decide(Millis(fleet.now), &ask()).reason;
    assert!(reason(&fleet).starts_with("m on a (cold)"), "{}", reason(&fleet));
    fleet.submit(1, ask());
    assert!(reason(&fleet).starts_with("m on a (loading)"), "{}", reason(&fleet));
}

#[test]
fn a_job_keeps_the_best_of_many_arms_and_a_dry_run_names_all() {
    let names: Vec<String> = (0..70).map(|host| format!("host-{host:02}")).collect();
    let mut fleet = Fleet::of(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for (place, name) in names.iter().enumerate() {
        fleet.up(name, &[("m", 1.0 + ((place * 29) % 70) as f64 / 10.0)], &[]);
    }
    let dry = fleet.dispatcher.decide(Millis(fleet.now), &ask());
    fleet.submit(1, ask());
    let kept = fleet.dispatcher.decision(JobId(1));
    assert_eq!(dry.candidates.len(), 70);
    assert_eq!(kept.as_ref().map(|kept| kept.candidates.as_slice()), dry.candidates.get(..64));
    assert_eq!(kept.as_ref().map(|kept| &kept.reason), Some(&dry.reason));
    let notes = kept.map(|kept| kept.notes.join("; ")).unwrap_or_default();
    assert!(notes.contains("6 more arms could serve it"), "{notes}");
}
