//! A host for a test, and requests to it.
#![allow(
    dead_code,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    reason = "each test file uses a part of it; a test may fail by panicking"
)]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use smart_ai_sim::{Capability, Config, FakeOllama, ModelConfig, Stats};

/// Ends a test with whatever went wrong.
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A model that answers in no time.
pub(crate) fn quick(name: &str) -> ModelConfig {
    ModelConfig::named(name)
}

/// A model that sends a token every 20 ms, 50 of them.
pub(crate) fn slow(name: &str) -> ModelConfig {
    ModelConfig { decode_tok_per_s: 50.0, output_tokens: Some(50), ..quick(name) }
}

/// A model whose load takes a minute.
pub(crate) fn heavy(name: &str) -> ModelConfig {
    ModelConfig { load_s: Some(60.0), ..quick(name) }
}

/// A model with a capability more.
pub(crate) fn able(name: &str, capability: Capability) -> ModelConfig {
    ModelConfig { capabilities: vec![Capability::Completion, capability], ..quick(name) }
}

pub(crate) async fn host(models: Vec<ModelConfig>) -> Result<FakeOllama> {
    Ok(FakeOllama::start(Config { models, ..Config::default() }).await?)
}

/// Status, content type and body of a POST.
pub(crate) async fn post(host: &FakeOllama, path: &str, body: Value) -> Result<(u16, String, String)> {
    let response =
        reqwest::Client::new().post(format!("{}{path}", host.url())).body(body.to_string()).send().await?;
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type").map(|v| v.to_str().unwrap_or_default().to_owned());
    Ok((status, kind.unwrap_or_default(), response.text().await?))
}

/// Status and JSON of a POST.
pub(crate) async fn ask(host: &FakeOllama, path: &str, body: Value) -> Result<(u16, Value)> {
    let (status, _, text) = post(host, path, body).await?;
    Ok((status, serde_json::from_str(&text)?))
}

/// The lines of a streamed answer.
pub(crate) async fn lines(host: &FakeOllama, path: &str, body: Value) -> Result<Vec<Value>> {
    let (status, kind, text) = post(host, path, body).await?;
    assert_eq!((status, kind.as_str()), (200, "application/x-ndjson"), "{text}");
    Ok(text.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>()?)
}

pub(crate) async fn get(host: &FakeOllama, path: &str) -> Result<Value> {
    Ok(reqwest::get(format!("{}{path}", host.url())).await?.json().await?)
}

/// A chat request of one user message.
pub(crate) fn chat(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Hello"}]})
}

/// The chat request with more fields.
pub(crate) fn chat_with(model: &str, more: &Value) -> Value {
    let mut request = chat(model);
    for (key, value) in more.as_object().into_iter().flatten() {
        request[key] = value.clone();
    }
    request
}

/// Names in ps.
pub(crate) async fn resident(host: &FakeOllama) -> Result<Vec<String>> {
    let ps = get(host, "/api/ps").await?;
    let models = ps["models"].as_array().cloned().unwrap_or_default();
    Ok(models.iter().filter_map(|model| model["name"].as_str().map(str::to_owned)).collect())
}

/// Looks again until the counts are as wanted, for at most ten seconds.
pub(crate) async fn until(host: &FakeOllama, wanted: impl Fn(&Stats) -> bool) -> Result {
    let end = Instant::now() + Duration::from_secs(10);
    while !wanted(&host.stats()) {
        if Instant::now() > end {
            return Err(format!("never so: {:?}", host.stats()).into());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
