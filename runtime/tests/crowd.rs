//! Many asks at a time, deadlines shorter than a load, and an end in good order.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use serde_json::{Value, json};
use smart_ai::{Answer, Ask, AskOptions, DispatchErrorCode, Engine, FleetConfig};
use smart_ai_sim::{Config, FakeOllama, Fault, FaultKind, ModelConfig};
use tokio::task::JoinSet;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn model(load_s: f64, decode_tok_per_s: f64) -> ModelConfig {
    ModelConfig { load_s: Some(load_s), decode_tok_per_s, output_tokens: Some(10), ..ModelConfig::named("m") }
}

async fn host(model: ModelConfig, parallel: u32) -> Result<FakeOllama> {
    let config = Config { models: vec![model], parallel, ..Config::default() };
    Ok(FakeOllama::start(config).await?)
}

fn engine(hosts: &[&FakeOllama], parallel: u32) -> Result<Engine> {
    let named = |(index, host): (usize, &&FakeOllama)| json!({"id": format!("h{index}"), "url": host.url(), "parallel": parallel});
    let hosts: Vec<Value> = hosts.iter().enumerate().map(named).collect();
    let config = json!({"hosts": hosts, "models": []});
    Ok(Engine::start(&FleetConfig::from_json(&config.to_string())?)?)
}

async fn ask(engine: &Engine, keys: Value) -> Result<Answer> {
    let ask = Ask::from_value(keys).map_err(|error| error.message)?;
    Ok(engine.ask(ask, AskOptions::default()).await)
}

/// Until a host's counters say so.
async fn until(host: &FakeOllama, is: impl Fn(&smart_ai_sim::Stats) -> bool) -> Result {
    for _ in 0..4_000 {
        if is(&host.stats()) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Err(format!("{:?}", host.stats()).into())
}

#[tokio::test]
async fn five_hundred_asks_at_once_are_answered_in_order_and_no_host_is_flooded() -> Result {
    const ASKS: usize = 500;
    let (a, b) = (host(model(0.0, 1_000.0), 2).await?, host(model(0.0, 1_000.0), 2).await?);
    let engine = engine(&[&a, &b], 2)?;
    for index in 0..2 {
        assert!(ask(&engine, json!({"prompt": "warm up", "host": format!("h{index}")})).await?.ok);
    }
    let mut asks = JoinSet::new();
    for number in 0..ASKS {
        let engine = engine.clone();
        let ask =
            Ask::from_value(json!({"prompt": "the same for all", "id": number, "deadline_ms": 120_000}));
        let ask = ask.map_err(|error| error.message)?;
        asks.spawn(async move { engine.ask(ask, AskOptions::default()).await });
    }
    let mut places = BTreeMap::new();
    while let Some(answer) = asks.join_next().await {
        let answer = answer?;
        assert!(answer.ok, "{:?}", answer.error);
        places.insert(answer.id.as_u64().ok_or("an id")?, places.len());
    }
    assert_eq!(places.len(), ASKS);
    let early = places.values().take(ASKS / 5).max().ok_or("none")?;
    let late = places.values().skip(ASKS * 4 / 5).min().ok_or("none")?;
    assert!(early < late, "the first fifth ended by {early}, the last fifth from {late}");
    for host in [&a, &b] {
        let stats = host.stats();
        assert!(stats.models.values().all(|model| model.max_in_flight <= 2), "{stats:?}");
        assert!(stats.refused == 0 && stats.completed > 100, "{stats:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_deadline_shorter_than_a_load_is_met_by_another_arm_and_the_load_goes_on() -> Result {
    let (cold, warm) = (host(model(6.0, 1_000.0), 1).await?, host(model(0.0, 100.0), 1).await?);
    let engine = engine(&[&cold, &warm], 1)?;
    for _ in 0..4 {
        assert!(ask(&engine, json!({"prompt": "warm up", "host": "h1"})).await?.ok);
    }
    // The warm host is busy for a moment, so that the cold one is asked to load.
    warm.set_fault(Fault { count: Some(1), ..Fault::new(FaultKind::Busy) });
    let answer = ask(&engine, json!({"prompt": "be quick", "deadline_ms": 4_500})).await?;
    assert!(answer.ok, "{:?} {:?}", answer.error, answer.attempts);
    let ways: Vec<(&str, &str)> =
        answer.attempts.iter().map(|attempt| (attempt.host.as_str(), attempt.outcome.as_str())).collect();
    assert_eq!(ways, [("h1", "busy"), ("h0", "load_timeout"), ("h1", "ok")]);
    until(&cold, |stats| stats.loads == 1 && stats.in_flight == 0).await?;
    let stats = cold.stats();
    assert!(stats.load_aborts == 0 && stats.loaded.len() == 1, "{stats:?}");
    Ok(())
}

#[tokio::test]
async fn draining_finishes_what_is_under_way_and_takes_nothing_more() -> Result {
    let host = host(model(0.0, 20.0), 1).await?;
    let engine = engine(&[&host], 1)?;
    let asks: Vec<_> = (0..3)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move { ask(&engine, json!({"prompt": "hello"})).await.map_err(|_| ()) })
        })
        .collect();
    until(&host, |stats| stats.in_flight > 0).await?;
    let drained = engine.drain();
    let refused = ask(&engine, json!({"prompt": "too late"})).await?;
    assert_eq!(refused.error.map(|error| error.code), Some(DispatchErrorCode::Cancelled));
    drained.await;
    for asked in asks {
        assert!(asked.await?.is_ok_and(|answer| answer.ok));
    }
    assert_eq!((host.stats().completed, host.stats().aborted), (3, 0));
    Ok(())
}
