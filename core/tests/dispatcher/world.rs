//! A dispatcher with the world around it, for tests.

use smart_ai_core::{
    AttemptId, Capability, Config, DispatchErrorCode, Dispatcher, Effect, Event, Failure, FailureKind,
    HostConfig, HostReport, HostState, JobId, Millis, ModelDetails, ModelState, ModelTag, Request,
    ResidentModel, Step, Task, Usage,
};

pub(crate) struct Fleet {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) now: u64,
}

impl Fleet {
    #[expect(clippy::expect_used, reason = "a test's configuration is valid")]
    pub(crate) fn new(config: Config) -> Self {
        Self { dispatcher: Dispatcher::new(config, 7).expect("valid configuration"), now: 1_000 }
    }

    pub(crate) fn of(hosts: &[&str]) -> Self {
        let told = |id: &&str| HostConfig { parallel: Some(1), ..HostConfig::new(*id) };
        Self::new(Config::new(hosts.iter().map(told).collect()))
    }

    pub(crate) fn step(&mut self, event: Event) -> Step {
        self.dispatcher.step(Millis(self.now), event)
    }

    pub(crate) fn after(&mut self, ms: u64, event: Event) -> Step {
        self.now += ms;
        self.step(event)
    }

    /// The host answers with these models (name, gigabytes), the resident ones loaded, all capable of text.
    pub(crate) fn up(&mut self, host: &str, models: &[(&str, f64)], resident: &[&str]) -> Vec<Effect> {
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
                kv_bytes_per_token: Some(100_000.0),
                ..ModelDetails::default()
            };
            let state = ModelState::Known(details);
            let step = self.step(Event::ModelState { host: host.into(), model: (*name).into(), state });
            effects.extend(step.effects);
        }
        effects
    }

    pub(crate) fn down(&mut self, host: &str) -> Vec<Effect> {
        let failure = Failure::new(FailureKind::Unreachable, "connection refused");
        self.step(Event::HostState { host: host.into(), state: HostState::Down(failure) }).effects
    }

    pub(crate) fn submit(&mut self, job: u64, request: Request) -> Vec<Effect> {
        self.step(Event::Submit { job: JobId(job), request }).effects
    }

    pub(crate) fn fail(&mut self, attempt: u64, kind: FailureKind) -> Vec<Effect> {
        let failure = Failure::new(kind, "as the test wants");
        self.step(Event::Failed { attempt: AttemptId(attempt), failure }).effects
    }
}

pub(crate) fn call(effects: &[Effect]) -> Option<String> {
    effects.iter().find_map(|effect| {
        if let Effect::Call { host, model, .. } = effect { Some(format!("{model}@{host}")) } else { None }
    })
}

pub(crate) fn called(effects: &[Effect]) -> String {
    call(effects).unwrap_or_else(|| format!("no call in {effects:?}"))
}

pub(crate) fn rejection(effects: &[Effect]) -> Option<(DispatchErrorCode, String)> {
    effects.iter().find_map(|effect| {
        if let Effect::Reject { error, .. } = effect {
            Some((error.code, error.message.clone()))
        } else {
            None
        }
    })
}

pub(crate) fn code(effects: &[Effect]) -> Option<DispatchErrorCode> {
    rejection(effects).map(|(code, _)| code)
}

pub(crate) fn ask() -> Request {
    Request::new(Task::General, 200)
}

pub(crate) fn usage() -> Usage {
    Usage {
        prompt_tokens: 200,
        output_tokens: 100,
        load_ms: 0.0,
        prompt_ms: 500.0,
        output_ms: 5_000.0,
        total_ms: 5_500.0,
    }
}

pub(crate) fn decode_rate(fleet: &Fleet) -> f64 {
    let snapshot = fleet.dispatcher.snapshot();
    snapshot.hosts.first().and_then(|host| host.models.first()).map_or(0.0, |model| model.decode_tok_per_s)
}
