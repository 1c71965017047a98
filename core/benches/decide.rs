//! What a decision costs by number of arms: `cargo bench -p smart-ai-core`.

use smart_ai_core::{
    Capability, Config, Dispatcher, Event, HostConfig, HostReport, HostState, JobId, Millis, ModelDetails,
    ModelState, ModelTag, Request, Task,
};

fn main() {
    divan::main();
}

/// A fleet of four models a host, all known, a few calls under way.
fn fleet(arms: usize) -> Dispatcher {
    let hosts: Vec<String> = (0..arms.div_ceil(4)).map(|host| format!("host-{host}")).collect();
    let mut config = Config::new(hosts.iter().map(|id| HostConfig::new(id.as_str())).collect());
    config.models.clear();
    #[expect(clippy::expect_used, reason = "the configuration is valid")]
    let mut dispatcher = Dispatcher::new(config, 1).expect("valid configuration");
    for host in &hosts {
        let models =
            ["small", "medium", "large", "huge"].iter().zip([1, 2, 5, 9]).map(|(name, gb)| ModelTag {
                name: (*name).into(),
                digest: format!("sha256:{name}"),
                size_bytes: gb * 1_000_000_000,
                ..ModelTag::default()
            });
        let report = HostReport { models: Some(models.collect()), ..HostReport::default() };
        let state = HostState::Up(report);
        dispatcher.step(Millis(0), Event::HostState { host: host.as_str().into(), state });
        for model in ["small", "medium", "large", "huge"] {
            let details =
                ModelDetails { capabilities: vec![Capability::Completion], ..ModelDetails::default() };
            let state = ModelState::Known(details);
            let event = Event::ModelState { host: host.as_str().into(), model: model.into(), state };
            dispatcher.step(Millis(0), event);
        }
    }
    for job in 0..3 {
        dispatcher.step(Millis(1), Event::Submit { job: JobId(job), request: Request::new(Task::Chat, 300) });
    }
    dispatcher
}

#[divan::bench(args = [10, 40, 200, 1000])]
fn decide(bencher: divan::Bencher<'_, '_>, arms: usize) {
    let dispatcher = fleet(arms);
    let request = Request::new(Task::Summarize, 800);
    bencher.bench(|| dispatcher.decide(Millis(2), &request));
}

#[divan::bench(args = [10, 40, 200, 1000])]
fn submit(bencher: divan::Bencher<'_, '_>, arms: usize) {
    let dispatcher = fleet(arms);
    let event = Event::Submit { job: JobId(99), request: Request::new(Task::Summarize, 800) };
    bencher
        .with_inputs(|| (dispatcher.clone(), event.clone()))
        .bench_local_values(|(mut dispatcher, event)| (dispatcher.step(Millis(2), event), dispatcher));
}
