//! Fleets to measure on: four models a host, each of which answers one request at a time.
#![expect(clippy::expect_used, reason = "a measurement may fail by panicking")]

use smart_ai_core::{
    AttemptId, Capability, Config, Dispatcher, Effect, Event, HostConfig, HostReport, HostState, JobId,
    LifecycleMode, LookAhead, Millis, ModelDetails, ModelState, ModelTag, Request, Task, Usage,
};

const MODELS: [(&str, u64); 4] = [("small", 1), ("medium", 2), ("large", 5), ("huge", 9)];
/// Answers of each host that its rates are learned from.
const LEARNED_FROM: usize = 6;
/// Kinds of requests.
const SHAPES: usize = 6;

/// All models known, nothing asked yet.
pub(crate) fn idle(arms: usize, look_ahead: LookAhead, lifecycle: LifecycleMode) -> Dispatcher {
    let hosts: Vec<String> = (0..arms.div_ceil(MODELS.len())).map(|host| format!("host-{host}")).collect();
    let host = |id: &String| HostConfig { parallel: Some(1), ..HostConfig::new(id.as_str()) };
    let mut config = Config::new(hosts.iter().map(host).collect());
    config.models.clear();
    config.look_ahead = look_ahead;
    config.lifecycle.mode = lifecycle;
    let mut dispatcher = Dispatcher::new(config, 1).expect("valid configuration");
    for host in &hosts {
        let models = MODELS.iter().map(|(name, gb)| ModelTag {
            name: (*name).into(),
            digest: format!("sha256:{name}"),
            size_bytes: gb * 1_000_000_000,
            ..ModelTag::default()
        });
        let report = HostReport { models: Some(models.collect()), ..HostReport::default() };
        let state = HostState::Up(report);
        dispatcher.step(Millis(0), Event::HostState { host: host.as_str().into(), state });
        for (model, _) in MODELS {
            let details =
                ModelDetails { capabilities: vec![Capability::Completion], ..ModelDetails::default() };
            let state = ModelState::Known(details);
            let event = Event::ModelState { host: host.as_str().into(), model: model.into(), state };
            dispatcher.step(Millis(0), event);
        }
    }
    dispatcher
}

/// Every host has answered requests of several shapes.
pub(crate) fn learned(arms: usize, look_ahead: LookAhead, lifecycle: LifecycleMode) -> (Dispatcher, Millis) {
    let mut dispatcher = idle(arms, look_ahead, lifecycle);
    let (mut now, mut job) = (Millis(1), 0);
    for round in 0..LEARNED_FROM {
        for host in 0..arms.div_ceil(MODELS.len()) {
            let attempt = submit(&mut dispatcher, now, job, pinned(round + host, host))
                .expect("a call of an idle host");
            now = now.plus(300);
            answer(&mut dispatcher, now, attempt, 300.0);
            job += 1;
        }
    }
    (dispatcher, now)
}

/// A fleet that has learned, with half of its hosts at work: a choice is contested, and looking ahead may play it.
pub(crate) fn worked(arms: usize, look_ahead: LookAhead, lifecycle: LifecycleMode) -> (Dispatcher, Millis) {
    let (mut dispatcher, now) = learned(arms, look_ahead, lifecycle);
    for host in (0..arms.div_ceil(MODELS.len())).step_by(2) {
        submit(&mut dispatcher, now, (arms * LEARNED_FROM + host) as u64, pinned(host, host));
    }
    (dispatcher, now.plus(50))
}

fn pinned(shape: usize, host: usize) -> Request {
    let mut request = Request::new(Task::Summarize, 800);
    request.shape = Some(format!("shape-{}", shape % SHAPES).as_str().into());
    request.host = Some(format!("host-{host}").as_str().into());
    request
}

/// Submits a job; the attempt, if it was called at once.
pub(crate) fn submit(
    dispatcher: &mut Dispatcher,
    now: Millis,
    job: u64,
    request: Request,
) -> Option<AttemptId> {
    calls_of(dispatcher, now, Event::Submit { job: JobId(job), request }).pop()
}

/// An answer after these milliseconds; the calls it makes room for.
pub(crate) fn answer(
    dispatcher: &mut Dispatcher,
    now: Millis,
    attempt: AttemptId,
    total_ms: f64,
) -> Vec<AttemptId> {
    let usage = Usage {
        prompt_tokens: 800,
        output_tokens: 120,
        load_ms: 0.0,
        prompt_ms: total_ms * 0.2,
        output_ms: total_ms * 0.8,
        total_ms,
    };
    calls_of(dispatcher, now, Event::Succeeded { attempt, usage })
}

/// The calls that an event brings about at once.
pub(crate) fn calls_of(dispatcher: &mut Dispatcher, now: Millis, event: Event) -> Vec<AttemptId> {
    let effects = dispatcher.step(now, event).effects.into_iter();
    let call = |effect| if let Effect::Call { attempt, .. } = effect { Some(attempt) } else { None };
    effects.filter_map(call).collect()
}
