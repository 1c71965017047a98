//! Looking ahead as a caller sees it: when the plan overrules the score, and when it does not dare to.

use smart_ai_core::{
    AttemptId, Capability, Config, Decision, Dispatcher, Effect, Event, HostConfig, HostReport, HostState,
    JobId, LookAhead, Millis, Mode, ModelDetails, ModelState, ModelTag, Rating, Request, ResidentModel, Task,
    Usage,
};

/// Tokens a second of each arm, as it will turn out to be.
const ARMS: [(&str, &str, f64); 3] = [("pc", "big", 25.0), ("pc", "small", 50.0), ("nas", "small", 42.0)];

struct Fleet {
    dispatcher: Dispatcher,
    now: u64,
    job: u64,
}

impl Fleet {
    #[expect(clippy::expect_used, reason = "the configuration is valid")]
    fn new(look_ahead: LookAhead) -> Self {
        let mut config = Config::new(vec![HostConfig::new("pc"), HostConfig::new("nas")]);
        config.models.clear();
        config.look_ahead = look_ahead;
        let dispatcher = Dispatcher::new(config, 3).expect("valid configuration");
        let mut fleet = Self { dispatcher, now: 1_000, job: 0 };
        for host in ["pc", "nas"] {
            fleet.up(host);
        }
        fleet
    }

    fn step(&mut self, event: Event) -> Vec<Effect> {
        self.dispatcher.step(Millis(self.now), event).effects
    }

    fn up(&mut self, host: &str) {
        let names: Vec<&str> = ARMS.iter().filter(|arm| arm.0 == host).map(|arm| arm.1).collect();
        let tag = |name: &&str| ModelTag {
            name: (*name).into(),
            digest: (*name).into(),
            size_bytes: if *name == "big" { 4_000_000_000 } else { 2_000_000_000 },
            ..ModelTag::default()
        };
        let resident = |name: &&str| ResidentModel {
            name: (*name).into(),
            digest: (*name).into(),
            size_bytes: 2_000_000_000,
            ..ResidentModel::default()
        };
        let report = HostReport {
            models: Some(names.iter().map(tag).collect()),
            resident: Some(names.iter().map(resident).collect()),
            ..HostReport::default()
        };
        self.step(Event::HostState { host: host.into(), state: HostState::Up(report) });
        for name in names {
            let details =
                ModelDetails { capabilities: vec![Capability::Completion], ..ModelDetails::default() };
            let state = ModelState::Known(details);
            self.step(Event::ModelState { host: host.into(), model: name.into(), state });
        }
    }

    /// One job from its arrival to its end, at the speed its arm has.
    fn run(&mut self, request: Request, tokens: u32) {
        self.job += 1;
        let effects = self.step(Event::Submit { job: JobId(self.job), request });
        let called = effects.iter().find_map(|effect| {
            if let Effect::Call { attempt, host, model, .. } = effect {
                Some((*attempt, host.clone(), model.clone()))
            } else {
                None
            }
        });
        let Some((attempt, host, model)) = called else { return };
        let arm = ARMS.iter().find(|arm| arm.0 == host.as_str() && arm.1 == model.as_str());
        let rate = arm.map_or(1.0, |arm| arm.2);
        self.end(attempt, tokens, rate);
    }

    fn end(&mut self, attempt: AttemptId, tokens: u32, rate: f64) {
        let output_ms = f64::from(tokens) / rate * 1e3;
        self.now += 100;
        self.step(Event::FirstToken { attempt });
        self.now += output_ms as u64;
        let usage = Usage {
            prompt_tokens: 100,
            output_tokens: tokens,
            prompt_ms: 100.0,
            output_ms,
            total_ms: output_ms + 100.0,
            load_ms: 0.0,
        };
        self.step(Event::Succeeded { attempt, usage });
    }
}

fn ask(shape: &str, model: &str, host: Option<&str>) -> Request {
    let mut request = Request::new(Task::General, 100);
    request.shape = Some(shape.into());
    request.models = Some(vec![model.into()]);
    request.host = host.map(Into::into);
    request
}

/// Every arm is known well; then the big model is asked for every few seconds, and a small job comes in between.
fn decide(look_ahead: LookAhead) -> Decision {
    let mut fleet = Fleet::new(look_ahead);
    for _ in 0..6 {
        fleet.run(ask("short", "small", Some("pc")), 100);
        fleet.run(ask("short", "small", Some("nas")), 100);
    }
    for _ in 0..60 {
        fleet.run(ask("long", "big", None), 120);
        fleet.now += 200;
    }
    fleet.dispatcher.decide(Millis(fleet.now), &ask("short", "small", None))
}

#[test]
fn a_host_that_will_be_needed_is_left_free() {
    let greedy = decide(LookAhead::Off);
    assert_eq!(greedy.chosen.map(|arm| arm.host), Some("pc".into()));
    assert_eq!(greedy.plan, None);
    let planned = decide(LookAhead::Auto);
    assert_eq!(planned.chosen.as_ref().map(|arm| arm.host.as_str()), Some("nas"), "{}", planned.reason);
    assert!(planned.plan.is_some_and(|plan| plan.better_in * 2 > plan.futures && plan.gain_s > 0.0));
    assert!(planned.reason.contains("looking ahead chose it over small on pc"), "{}", planned.reason);
    assert_eq!(planned.candidates.first().map(|best| best.host.as_str()), Some("nas"));
}

#[test]
fn rates_that_nobody_knows_are_not_played_with() {
    let mut fleet = Fleet::new(LookAhead::Auto);
    for _ in 0..30 {
        fleet.run(ask("long", "big", None), 120);
    }
    let decision = fleet.dispatcher.decide(Millis(fleet.now), &ask("short", "small", None));
    assert_eq!(decision.plan, None);
}

#[test]
fn the_same_history_gives_the_same_plan() {
    assert_eq!(decide(LookAhead::Auto), decide(LookAhead::Auto));
}

/// Every arm is known well, and so many people have said that the big model's answers are good and the small one's are not.
fn rated(look_ahead: LookAhead, people: usize) -> Fleet {
    let mut fleet = Fleet::new(look_ahead);
    for _ in 0..6 {
        fleet.run(ask("short", "small", Some("pc")), 100);
        fleet.run(ask("short", "small", Some("nas")), 100);
        fleet.run(ask("short", "big", None), 100);
    }
    for _ in 0..people {
        for (model, up) in [("big", true), ("small", false)] {
            let rating = Rating::Thumbs(up);
            fleet.step(Event::Feedback { model: model.into(), task: Task::General, rating });
        }
    }
    fleet
}

fn auto(mode: Mode) -> Request {
    Request { mode, shape: Some("short".into()), ..Request::new(Task::General, 100) }
}

/// The models that `jobs` requests are sent to, which come one at a time or all at once.
fn models_of(fleet: &mut Fleet, mode: Mode, jobs: usize, at_once: bool) -> Vec<String> {
    let mut models = Vec::new();
    for _ in 0..jobs {
        fleet.job += 1;
        let effects = fleet.step(Event::Submit { job: JobId(fleet.job), request: auto(mode) });
        for effect in effects {
            if let Effect::Call { attempt, model, .. } = effect {
                let rate = if model.as_str() == "big" { 25.0 } else { 45.0 };
                models.push(model.as_str().to_owned());
                if !at_once {
                    fleet.end(attempt, 100, rate);
                }
            }
        }
        fleet.now += if at_once { 10 } else { 5_000 };
    }
    models
}

#[test]
fn a_model_that_is_clearly_better_is_not_left_idle() {
    for look_ahead in [LookAhead::Off, LookAhead::Auto] {
        let of = |mode| models_of(&mut rated(look_ahead, 1), mode, 8, false);
        assert_eq!(of(Mode::Fast), ["small"; 8], "{look_ahead:?}");
        assert_eq!(of(Mode::Balanced), ["big"; 8], "{look_ahead:?}");
        assert_eq!(of(Mode::Best), ["big"; 8], "{look_ahead:?}");
    }
}

#[test]
fn where_many_come_at_once_balanced_uses_every_model_and_best_waits_for_the_better() {
    for look_ahead in [LookAhead::Off, LookAhead::Auto] {
        let of = |mode| models_of(&mut rated(look_ahead, 5), mode, 24, true);
        let balanced = of(Mode::Balanced);
        let best = of(Mode::Best);
        assert!(
            balanced.contains(&"big".to_owned()) && balanced.contains(&"small".to_owned()),
            "{balanced:?}"
        );
        assert!(!best.contains(&"small".to_owned()), "{best:?}");
    }
}

#[test]
fn of_many_that_come_at_once_the_first_look_ahead_and_the_score_decides_for_the_rest() {
    let mut fleet = rated(LookAhead::Auto, 1);
    let mut planned = Vec::new();
    for _ in 0..100 {
        fleet.job += 1;
        let job = JobId(fleet.job);
        fleet.step(Event::Submit { job, request: auto(Mode::Balanced) });
        planned.push(fleet.dispatcher.decision(job).is_some_and(|decision| decision.plan.is_some()));
    }
    let dry = |fleet: &Fleet, later_ms| {
        fleet.dispatcher.decide(Millis(fleet.now + later_ms), &auto(Mode::Balanced)).plan
    };
    assert_eq!(dry(&fleet, 0), None, "a dry run does not look ahead where the call would not");
    for job in (1..=fleet.job).rev() {
        fleet.step(Event::Cancel { job: JobId(job) });
    }
    assert!(dry(&fleet, 1_000).is_some());
    let (first, rest) = planned.split_at(20);
    assert!(first.contains(&true), "{planned:?}");
    assert!(!rest.contains(&true), "{planned:?}");
}
