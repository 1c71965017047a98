//! The engine against simulated Ollama hosts: answers, fallbacks, clear errors, cancel.

use std::error::Error;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use smart_ai::{Answer, Ask, AskOptions, DispatchErrorCode, Engine, FleetConfig};
use smart_ai_sim::{Capability, Config, FakeOllama, Fault, FaultKind, ModelConfig};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

async fn host(models: &[&str]) -> Result<FakeOllama> {
    let models = models.iter().map(|name| ModelConfig::named(*name)).collect();
    Ok(FakeOllama::start(Config { models, ..Config::default() }).await?)
}

fn engine(urls: &[&str], prometheus: Option<&str>) -> Result<Engine> {
    let hosts: Vec<Value> =
        urls.iter().enumerate().map(|(index, url)| json!({"id": format!("h{index}"), "url": url})).collect();
    let mut config = serde_json::Map::new();
    config.insert("hosts".into(), json!(hosts));
    config.insert("models".into(), json!([]));
    if let Some(url) = prometheus {
        config.insert("prometheus".into(), json!({ "url": url }));
    }
    let config = Value::Object(config);
    Ok(Engine::start(&FleetConfig::from_json(&config.to_string())?)?)
}

async fn ask(engine: &Engine, keys: Value) -> Result<Answer> {
    let ask = Ask::from_value(keys).map_err(|error| error.message)?;
    Ok(engine.ask(ask, AskOptions::default()).await)
}

fn code(answer: &Answer) -> Option<DispatchErrorCode> {
    answer.error.as_ref().map(|error| error.code)
}

#[tokio::test]
async fn a_prompt_is_answered_and_explained() -> Result {
    let host = host(&["m"]).await?;
    let engine = engine(&[host.url()], None)?;
    let answer = ask(&engine, json!({"prompt": "Say hello", "id": 7})).await?;
    assert!(answer.ok && !answer.text.is_empty() && answer.id == json!(7), "{answer:?}");
    assert!(answer.decision.is_some_and(|decision| decision.reason.contains("m:latest on h0")));
    Ok(())
}

/// Where the answer is not what the schema asks for, the fake one that repeats what it is told says it anyway.
async fn schema(prompt: &str, schema: Value, model: ModelConfig) -> Result<(Answer, u64)> {
    let host = FakeOllama::start(Config { models: vec![model], ..Config::default() }).await?;
    let engine = engine(&[host.url()], None)?;
    let answer = ask(&engine, json!({"prompt": prompt, "schema": schema})).await?;
    Ok((answer, host.stats().completed))
}

#[tokio::test]
async fn an_answer_that_does_not_fit_its_schema_is_put_right_by_the_same_model() -> Result {
    let wanted = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    let echo = ModelConfig { echo: true, ..ModelConfig::named("m") };
    let (answer, calls) = schema(r#"{"m": 1}"#, wanted, echo).await?;
    let value: Value = serde_json::from_str(&answer.text)?;
    assert!(
        answer.ok && value.get("n").is_some_and(Value::is_i64) && answer.attempts.len() == 1 && calls == 2,
        "{answer:?} {calls}"
    );
    Ok(())
}

#[tokio::test]
async fn a_model_that_cannot_fit_the_schema_is_told_so_once() -> Result {
    let wanted = json!({"type": "object", "properties": {"n": {"type": "integer", "maximum": 5}}});
    let stubborn = ModelConfig { answer: Some(r#"{"n": 77}"#.into()), ..ModelConfig::named("m") };
    let (answer, calls) = schema("How many?", wanted, stubborn).await?;
    let detail = &answer.attempts.first().ok_or("an attempt")?.detail;
    assert!(!answer.ok && detail.contains("/n: ") && !detail.contains("77"), "{answer:?}");
    assert_eq!(calls, 2);
    Ok(())
}

#[tokio::test]
async fn tools_to_call_and_thoughts_come_with_the_answer() -> Result {
    let capabilities = vec![Capability::Completion, Capability::Tools, Capability::Thinking];
    let able = ModelConfig { capabilities, ..ModelConfig::named("able") };
    let models = vec![ModelConfig::named("plain"), able];
    let host = FakeOllama::start(Config { models, ..Config::default() }).await?;
    let engine = engine(&[host.url()], None)?;
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let tool = json!({"type": "function", "function": {"name": "weather", "parameters": parameters}});
    let answer = ask(&engine, json!({"prompt": "Rain in Ulm?", "tools": [tool], "think": true})).await?;
    let calls: Value = serde_json::from_str(&answer.tool_calls.as_ref().ok_or("no calls")?.to_string())?;
    assert_eq!(calls.pointer("/0/function/name"), Some(&json!("weather")), "{answer:?}");
    assert!(answer.ok && answer.thinking.is_some_and(|text| !text.is_empty()), "{:?}", answer.attempts);
    assert_eq!(answer.model, Some("able:latest".into()));
    Ok(())
}

#[tokio::test]
async fn vectors_come_from_a_model_that_makes_them() -> Result {
    let vectors = ModelConfig { capabilities: vec![Capability::Embedding], ..ModelConfig::named("vectors") };
    let models = vec![ModelConfig::named("m"), vectors];
    let host = FakeOllama::start(Config { models, ..Config::default() }).await?;
    let engine = engine(&[host.url()], None)?;
    let answer = ask(&engine, json!({"prompt": "kitten", "task": "embed"})).await?;
    assert!(answer.ok && answer.embeddings.is_some_and(|rows| rows.len() == 1), "{:?}", answer.error);
    Ok(())
}

#[tokio::test]
async fn a_host_that_is_down_or_fails_is_replaced() -> Result {
    for kind in [FaultKind::Busy, FaultKind::Html] {
        let (bad, good) = (host(&["m"]).await?, host(&["m"]).await?);
        let engine = engine(&[bad.url(), good.url(), "http://127.0.0.1:9"], None)?;
        let first = ask(&engine, json!({"prompt": "warm up"})).await?;
        assert!(first.ok, "{:?}", first.error);
        bad.set_fault(Fault::new(kind));
        for _ in 0..4 {
            let answer = ask(&engine, json!({"prompt": "hello"})).await?;
            assert!(answer.ok, "{:?} {:?}", answer.error, answer.attempts);
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_work_says_why() -> Result {
    let host = host(&["m"]).await?;
    let engine = engine(&[host.url()], None)?;
    let unknown = ask(&engine, json!({"prompt": "hi", "model": "nope"})).await?;
    assert_eq!(code(&unknown), Some(DispatchErrorCode::UnknownModel));
    let empty = ask(&engine, json!({"prompt": "  "})).await?;
    assert_eq!(code(&empty), Some(DispatchErrorCode::InvalidRequest));
    let long = ask(&engine, json!({"prompt": "word ".repeat(200_000)})).await?;
    assert_eq!(code(&long), Some(DispatchErrorCode::ContextTooSmall), "{:?}", long.error);
    let text = format!("{:?}{:?}", long.error, long.attempts);
    assert!(!text.contains("word word"), "the prompt leaked into the error");
    Ok(())
}

#[tokio::test]
async fn no_host_is_a_clear_error_soon() -> Result {
    let engine = engine(&["http://127.0.0.1:9"], None)?;
    let answer = ask(&engine, json!({"prompt": "hi"})).await?;
    assert_eq!(code(&answer), Some(DispatchErrorCode::NoHost));
    assert!(answer.ms.total < 4_000.0, "{:?}", answer.ms);
    Ok(())
}

#[tokio::test]
async fn a_refused_key_is_named() -> Result {
    let host = host(&["m"]).await?;
    host.set_fault(Fault { status: Some(401), ..Fault::new(FaultKind::Status) });
    let engine = engine(&[host.url()], None)?;
    let answer = ask(&engine, json!({"prompt": "hi"})).await?;
    assert_eq!(code(&answer), Some(DispatchErrorCode::Unauthorized), "{:?}", answer.error);
    Ok(())
}

#[tokio::test]
async fn metrics_that_cannot_be_had_change_the_explanation_not_the_success() -> Result {
    let host = host(&["m"]).await?;
    let engine = engine(&[host.url()], Some("http://127.0.0.1:9"))?;
    let answer = ask(&engine, json!({"prompt": "hi"})).await?;
    let notes = answer.decision.map(|decision| decision.notes.join("; ")).unwrap_or_default();
    assert!(answer.ok && notes.contains("metrics server does not answer"), "{notes}");
    Ok(())
}

#[tokio::test]
async fn a_caller_that_leaves_frees_the_slot_within_200_ms() -> Result {
    let slow = ModelConfig { decode_tok_per_s: 5.0, ..ModelConfig::named("m") };
    let host = FakeOllama::start(Config { models: vec![slow], ..Config::default() }).await?;
    let engine = engine(&[host.url()], None)?;
    let (pieces, mut coming) = tokio::sync::mpsc::unbounded_channel();
    let prompt = Ask::from_value(json!({"prompt": "a long story"})).map_err(|error| error.message)?;
    let asking = tokio::spawn({
        let engine = engine.clone();
        async move { engine.ask(prompt, AskOptions { pieces: Some(pieces) }).await }
    });
    assert!(coming.recv().await.is_some());
    let left = Instant::now();
    asking.abort();
    while host.stats().in_flight > 0 {
        assert!(left.elapsed() < Duration::from_millis(200), "still in flight");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_none_is_asked_of_a_better_model() -> Result {
    let model = |name: &str, answer: &str, size_gb| ModelConfig {
        answer: Some(answer.into()),
        size_gb,
        ..ModelConfig::named(name)
    };
    let models =
        vec![model("small", "I'm sorry, but I can't assist with that.", 1.0), model("large", "Four.", 6.0)];
    let host = FakeOllama::start(Config { models, ..Config::default() }).await?;
    let engine = engine(&[host.url()], None)?;
    let answer = ask(&engine, json!({"prompt": "Two and two?", "mode": "fast"})).await?;
    let outcomes: Vec<&str> = answer.attempts.iter().map(|attempt| attempt.outcome.as_str()).collect();
    assert_eq!((answer.ok, answer.text.as_str(), outcomes), (true, "Four.", vec!["refused_answer", "ok"]));
    Ok(())
}
