//! The dispatcher as a driver sees it: events in, effects out.

use smart_ai_core::{
    AttemptId, Capability, Config, DispatchErrorCode, Dispatcher, Effect, Event, Failure, FailureKind,
    HostConfig, HostId, HostReport, HostState, JobId, Limits, Millis, ModelDetails, ModelState, ModelTag,
    Request, ResidentModel, Sample, SignalName, SignalsState, Source, Step, Task, Usage,
};

struct Fleet {
    dispatcher: Dispatcher,
    now: u64,
}

impl Fleet {
    #[expect(clippy::expect_used, reason = "a test's configuration is valid")]
    fn new(config: Config) -> Self {
        Self { dispatcher: Dispatcher::new(config, 7).expect("valid configuration"), now: 1_000 }
    }

    fn of(hosts: &[&str]) -> Self {
        Self::new(Config::new(hosts.iter().map(|id| HostConfig::new(*id)).collect()))
    }

    fn step(&mut self, event: Event) -> Step {
        self.dispatcher.step(Millis(self.now), event)
    }

    fn after(&mut self, ms: u64, event: Event) -> Step {
        self.now += ms;
        self.step(event)
    }

    /// The host answers with these models (name, gigabytes), the resident ones loaded, all capable of text.
    fn up(&mut self, host: &str, models: &[(&str, f64)], resident: &[&str]) -> Vec<Effect> {
        let tag = |(name, gb): &(&str, f64)| ModelTag {
            name: (*name).into(),
            digest: format!("sha256:{name}"),
            size_bytes: (gb * 1e9) as u64,
            parameters: Some(gb * 1.6e9),
            ..ModelTag::default()
        };
        let loaded = |name: &&str| ResidentModel {
            name: (*name).into(),
            size_bytes: 2_000_000_000,
            context_tokens: Some(4_096),
            ..ResidentModel::default()
        };
        let report = HostReport {
            version: Some("0.24.0".into()),
            models: Some(models.iter().map(tag).collect()),
            resident: Some(resident.iter().map(loaded).collect()),
        };
        let mut effects =
            self.step(Event::HostState { host: host.into(), state: HostState::Up(report) }).effects;
        for (name, _) in models {
            let details = ModelDetails {
                capabilities: vec![Capability::Completion],
                context_tokens: Some(32_768),
                parameters: None,
                kv_bytes_per_token: Some(100_000.0),
            };
            let state = ModelState::Known(details);
            let step = self.step(Event::ModelState { host: host.into(), model: (*name).into(), state });
            effects.extend(step.effects);
        }
        effects
    }

    fn down(&mut self, host: &str) -> Vec<Effect> {
        let failure = Failure::new(FailureKind::Unreachable, "connection refused");
        self.step(Event::HostState { host: host.into(), state: HostState::Down(failure) }).effects
    }

    fn submit(&mut self, job: u64, request: Request) -> Vec<Effect> {
        self.step(Event::Submit { job: JobId(job), request }).effects
    }

    fn fail(&mut self, attempt: u64, kind: FailureKind) -> Vec<Effect> {
        let failure = Failure::new(kind, "as the test wants");
        self.step(Event::Failed { attempt: AttemptId(attempt), failure }).effects
    }
}

fn call(effects: &[Effect]) -> Option<String> {
    effects.iter().find_map(|effect| match effect {
        Effect::Call { host, model, .. } => Some(format!("{model}@{host}")),
        Effect::Abort { .. } | Effect::Resolve { .. } | Effect::Reject { .. } | Effect::Refresh { .. } => {
            None
        }
    })
}

fn called(effects: &[Effect]) -> String {
    call(effects).unwrap_or_else(|| format!("no call in {effects:?}"))
}

fn rejection(effects: &[Effect]) -> Option<(DispatchErrorCode, String)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Reject { error, .. } => Some((error.code, error.message.clone())),
        Effect::Abort { .. } | Effect::Resolve { .. } | Effect::Call { .. } | Effect::Refresh { .. } => None,
    })
}

fn code(effects: &[Effect]) -> Option<DispatchErrorCode> {
    rejection(effects).map(|(code, _)| code)
}

fn ask() -> Request {
    Request::new(Task::General, 200)
}

fn usage() -> Usage {
    Usage {
        prompt_tokens: 200,
        output_tokens: 100,
        load_ms: 0.0,
        prompt_ms: 500.0,
        output_ms: 5_000.0,
        total_ms: 5_500.0,
    }
}

#[test]
fn it_looks_at_every_host_and_the_metrics_first() {
    let mut config = Config::new(vec![HostConfig::new("a"), HostConfig::new("b")]);
    config.metrics = true;
    let effects = Fleet::new(config).step(Event::Tick).effects;
    let refresh = |source| Effect::Refresh { source };
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
fn a_host_that_never_answers_delays_a_job_three_seconds_at_most() {
    let mut fleet = Fleet::of(&["pc", "silent"]);
    fleet.submit(1, ask());
    fleet.up("pc", &[("m", 2.0)], &["m"]);
    assert_eq!(called(&fleet.after(3_000, Event::Tick).effects), "m@pc");
}

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

#[test]
fn the_second_job_avoids_the_busy_arm() {
    let mut fleet = Fleet::of(&["a", "b"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.up("b", &[("m", 2.0)], &["m"]);
    assert_eq!(called(&fleet.submit(1, ask())), "m@a");
    assert_eq!(called(&fleet.submit(2, ask())), "m@b");
}

#[test]
fn each_failure_leads_to_the_arm_that_avoids_it() {
    let expected = [
        (FailureKind::Unreachable, "m@b"),
        (FailureKind::Unauthorized, "m@b"),
        (FailureKind::Busy, "m@b"),
        (FailureKind::BadProtocol, "m@b"),
        (FailureKind::ModelMissing, "other@a"),
        (FailureKind::OutOfMemory, "other@a"),
        (FailureKind::ServerError, "other@a"),
        (FailureKind::CutOff, "other@a"),
    ];
    for (kind, next) in expected {
        let mut fleet = Fleet::of(&["a", "b"]);
        fleet.up("a", &[("m", 2.0), ("other", 2.0)], &["m", "other"]);
        fleet.up("b", &[("m", 2.0)], &[]);
        assert_eq!(called(&fleet.submit(1, ask())), "m@a");
        assert_eq!(called(&fleet.fail(1, kind)), next, "{kind:?}");
    }
}

#[test]
fn a_refused_request_is_not_repeated_elsewhere() {
    let mut fleet = Fleet::of(&["a", "b"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.up("b", &[("m", 2.0)], &["m"]);
    fleet.submit(1, ask());
    assert_eq!(code(&fleet.fail(1, FailureKind::BadRequest)), Some(DispatchErrorCode::RequestRefused));
}

#[test]
fn a_busy_lone_host_is_tried_again_after_a_pause() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.submit(1, ask());
    let effects = fleet.fail(1, FailureKind::Busy);
    assert_eq!((call(&effects), rejection(&effects)), (None, None));
    let wake = fleet.dispatcher.poll_timeout().map_or(0, |at| at.0);
    assert!((1_300..=1_700).contains(&wake), "{wake}");
    fleet.now = wake;
    assert_eq!(called(&fleet.step(Event::Tick).effects), "m@a");
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
fn all_hosts_down_names_each_after_a_second_look() {
    let mut fleet = Fleet::of(&["a", "b"]);
    fleet.step(Event::Tick);
    fleet.down("a");
    fleet.down("b");
    fleet.now += 60_000;
    assert_eq!(rejection(&fleet.submit(1, ask())), None);
    fleet.down("a");
    let (code, message) =
        rejection(&fleet.down("b")).unwrap_or((DispatchErrorCode::Cancelled, String::new()));
    assert_eq!(code, DispatchErrorCode::NoHost);
    assert!(message.contains("a: unreachable") && message.contains("b: unreachable"), "{message}");
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
fn an_answer_resolves_teaches_and_is_explained() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.submit(1, ask());
    let attempt = AttemptId(1);
    fleet.after(20, Event::Started { attempt });
    fleet.after(500, Event::FirstToken { attempt });
    let effects = fleet.after(5_000, Event::Succeeded { attempt, usage: usage() }).effects;
    let times = effects.iter().find_map(|effect| match effect {
        Effect::Resolve { outcome, .. } => Some((outcome.ms.first_token, outcome.ms.total)),
        Effect::Abort { .. } | Effect::Reject { .. } | Effect::Call { .. } | Effect::Refresh { .. } => None,
    });
    assert_eq!(times, Some((520.0, 5_520.0)));
    assert!(
        fleet
            .dispatcher
            .decision(JobId(1))
            .is_some_and(|decision| decision.reason.contains("m on a (loaded)"))
    );
    let decode = decode_rate(&fleet);
    assert!((17.0..22.0).contains(&decode), "{decode}");
    fleet.step(Event::Tick);
    assert!(fleet.dispatcher.decision(JobId(1)).is_none());
}

fn decode_rate(fleet: &Fleet) -> f64 {
    let snapshot = fleet.dispatcher.snapshot();
    snapshot.hosts.first().and_then(|host| host.models.first()).map_or(0.0, |model| model.decode_tok_per_s)
}

#[test]
fn a_load_is_never_cut_short() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 1.0)], &[]);
    let mut request = ask();
    request.deadline_ms = Some(1_000);
    fleet.submit(1, request);
    let effects = fleet.after(1_000, Event::Tick).effects;
    assert_eq!(code(&effects), Some(DispatchErrorCode::DeadlineExceeded));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Abort { .. })), "{effects:?}");
    let effects = fleet.after(3_000, Event::FirstToken { attempt: AttemptId(1) }).effects;
    assert!(effects.contains(&Effect::Abort { attempt: AttemptId(1) }), "{effects:?}");
}

#[test]
fn a_broken_stream_restarts_elsewhere_only_if_nothing_was_handed_out() {
    for (streaming, restarted) in [(false, true), (true, false)] {
        let mut fleet = Fleet::of(&["a", "b"]);
        fleet.up("a", &[("m", 2.0)], &["m"]);
        fleet.up("b", &[("m", 2.0)], &["m"]);
        fleet.submit(1, Request { streaming, ..ask() });
        fleet.step(Event::FirstToken { attempt: AttemptId(1) });
        let effects = fleet.fail(1, FailureKind::CutOff);
        assert_eq!(call(&effects).is_some(), restarted);
        assert_eq!(code(&effects), (!restarted).then_some(DispatchErrorCode::CutOff));
    }
}

#[test]
fn a_silent_answer_is_given_up_and_cancel_closes_the_call() {
    let mut fleet = Fleet::of(&["a", "b"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.up("b", &[("m", 2.0)], &["m"]);
    fleet.submit(1, ask());
    fleet.step(Event::FirstToken { attempt: AttemptId(1) });
    let effects = fleet.after(30_000, Event::Tick).effects;
    assert!(effects.contains(&Effect::Abort { attempt: AttemptId(1) }));
    assert_eq!(called(&effects), "m@b");
    fleet.step(Event::Started { attempt: AttemptId(2) });
    let effects = fleet.step(Event::Cancel { job: JobId(1) }).effects;
    assert!(effects.contains(&Effect::Abort { attempt: AttemptId(2) }));
    assert_eq!(code(&effects), Some(DispatchErrorCode::Cancelled));
}

#[test]
fn a_silent_call_is_kept_while_its_host_lives_and_no_other_arm_is_left() {
    for (lives, other) in [(true, false), (true, true), (false, false)] {
        let mut fleet = Fleet::of(&["a", "b"]);
        fleet.up("a", &[("m", 2.0)], &["m"]);
        fleet.up("b", if other { &[("m", 9.0)] } else { &[] }, &[]);
        assert_eq!(called(&fleet.submit(1, ask())), "m@a");
        let mut ended = Vec::new();
        for _ in 0..40 {
            ended = fleet.after(1_000, Event::Tick).effects;
            if call(&ended).is_some() || code(&ended).is_some() {
                break;
            }
            if lives {
                fleet.up("a", &[("m", 2.0)], &["m"]);
            }
        }
        assert_eq!(call(&ended), other.then(|| "m@b".to_owned()), "{lives} {other}");
        assert_eq!(code(&ended), (!lives).then_some(DispatchErrorCode::AllFailed), "{lives} {other}");
        if !other && lives {
            let effects = fleet.after(600_000, Event::Tick).effects;
            assert_eq!(code(&effects), Some(DispatchErrorCode::AllFailed));
        }
    }
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
fn a_job_waits_here_until_its_arm_is_free_the_shortest_first() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    assert_eq!(called(&fleet.submit(1, ask())), "m@a");
    for (job, tokens) in [(2, 900), (3, 20)] {
        let request = Request { max_tokens: Some(tokens), ..ask() };
        assert_eq!(call(&fleet.submit(job, request)), None);
    }
    let waits = fleet.dispatcher.decision(JobId(2)).map(|decision| decision.reason.clone());
    assert!(waits.is_some_and(|reason| reason.contains("m on a")));
    let calls = |effects: &[Effect]| {
        let job = |effect: &Effect| match effect {
            Effect::Call { job, .. } => Some(job.0),
            Effect::Abort { .. }
            | Effect::Resolve { .. }
            | Effect::Reject { .. }
            | Effect::Refresh { .. } => None,
        };
        effects.iter().filter_map(job).collect::<Vec<u64>>()
    };
    let first = fleet.after(2_000, Event::Succeeded { attempt: AttemptId(1), usage: usage() });
    assert_eq!(calls(&first.effects), [3]);
    let next = fleet.after(2_000, Event::Succeeded { attempt: AttemptId(2), usage: usage() });
    assert_eq!(calls(&next.effects), [2]);
}

#[test]
fn a_long_job_is_not_passed_for_ever() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.submit(1, ask());
    fleet.submit(2, Request { max_tokens: Some(400), ..ask() });
    let short = Request { max_tokens: Some(5), ..ask() };
    let called = (3..200_u64).find(|job| {
        fleet.submit(*job, short.clone());
        let step = fleet.after(2_000, Event::Succeeded { attempt: AttemptId(*job - 2), usage: usage() });
        step.effects.iter().any(|effect| matches!(effect, Effect::Call { job: JobId(2), .. }))
    });
    assert!(called.is_some_and(|job| job > 4), "{called:?}");
}

#[test]
fn a_cancelled_job_that_waits_ends_at_once() {
    let mut fleet = Fleet::of(&["a"]);
    fleet.up("a", &[("m", 2.0)], &["m"]);
    fleet.submit(1, ask());
    fleet.submit(2, ask());
    let effects = fleet.step(Event::Cancel { job: JobId(2) }).effects;
    assert_eq!(code(&effects), Some(DispatchErrorCode::Cancelled));
    let step = fleet.step(Event::Succeeded { attempt: AttemptId(1), usage: usage() });
    assert_eq!(call(&step.effects), None);
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
