//! Metrics that are wrong, missing or refused: the job succeeds, and its decision names the cause.
#![expect(clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod credentials;
mod faults;
mod server;
mod signals;

use serde_json::{Value, json};
use smart_ai::{Ask, AskOptions, Decision, Engine, FleetConfig};
use smart_ai_sim::{Config, FakeOllama, ModelConfig};

use server::{Behaviour, MetricsServer};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

async fn host() -> Result<FakeOllama> {
    Ok(FakeOllama::start(Config { models: vec![ModelConfig::named("m")], ..Config::default() }).await?)
}

/// A fleet of one host, `pc`, whose exporters are called `pc:9100`.
fn fleet(host: &FakeOllama, prometheus: &Value) -> Value {
    json!({"hosts": [{"id": "pc", "url": host.url(), "instance": "pc"}], "models": [], "prometheus": prometheus})
}

/// The decision of a job that succeeded.
async fn decision(config: &Value) -> Result<Decision> {
    let engine = Engine::start(&FleetConfig::from_json(&config.to_string())?)?;
    let ask = Ask::from_value(json!({"prompt": "hello"})).map_err(|error| error.message)?;
    let answer = engine.ask(ask, AskOptions::default()).await;
    assert!(answer.ok, "{:?}", answer.error);
    Ok(answer.decision.ok_or("no decision")?)
}

/// The decision of a job on a host whose metrics server behaves so.
async fn decision_beside(behaviour: Behaviour) -> Result<Decision> {
    let (host, server) = (host().await?, MetricsServer::start(behaviour).await?);
    decision(&fleet(&host, &json!({"url": server.url}))).await
}
