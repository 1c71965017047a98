//! `decide --explain`, held against the text in `notes/`; figures are masked, because weights are tuned and time passes.
//! `UPDATE_NOTES=1` writes the texts anew.

use std::path::PathBuf;

use serde_json::json;
use smart_ai_sim::{Capability, Config, FakeOllama, ModelConfig};

use crate::metrics_server::{Behaviour, MetricsServer};
use crate::program::{NOWHERE, Result, file, host, host_of, run};

/// Every number as `#`.
fn masked(text: &str) -> String {
    let mut masked = String::new();
    for letter in text.chars() {
        let number = letter.is_ascii_digit() || letter == '.' && masked.ends_with('#');
        if !number {
            masked.push(letter);
        } else if !masked.ends_with('#') {
            masked.push('#');
        }
    }
    masked
}

async fn holds(name: &str, arguments: &[&str]) -> Result {
    let ran = run(&[&["decide", "--explain"], arguments].concat()).await?;
    let said = masked(&ran.out);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cli/notes/{name}.txt"));
    if std::env::var_os("UPDATE_NOTES").is_some() {
        std::fs::write(&path, &said)?;
    }
    assert_eq!(said, std::fs::read_to_string(&path)?, "{}\n{}", ran.out, ran.err);
    Ok(())
}

#[tokio::test]
async fn the_only_arm_says_that_there_is_no_other() -> Result {
    let pc = host().await?;
    holds("alone", &["--host", &format!("pc={}", pc.url()), "hello"]).await
}

#[tokio::test]
async fn a_loaded_model_wins_by_the_load_it_saves() -> Result {
    let model = || ModelConfig { load_s: Some(0.0), ..ModelConfig::named("m") };
    let (pc, nas) = (host_of(model()).await?, host_of(model()).await?);
    let (pc, nas) = (format!("pc={}", pc.url()), format!("nas={}", nas.url()));
    run(&["ask", "--host", &pc, "hello"]).await?;
    holds("loaded", &["--host", &nas, "--host", &pc, "hello"]).await
}

#[tokio::test]
async fn two_terms_say_why_the_runner_up_lost() -> Result {
    let sized = |name: &str, size_gb| ModelConfig { size_gb, ..ModelConfig::named(name) };
    let models = vec![sized("small", 2.0), sized("large", 4.0)];
    let pc = FakeOllama::start(Config { models, ..Config::default() }).await?;
    let ask = ["--host", &format!("pc={}", pc.url()), "--mode", "fast", "hello"];
    holds("two-terms", &ask).await
}

#[tokio::test]
async fn what_cannot_serve_is_named_with_its_cause() -> Result {
    let vectors =
        |name: &str| ModelConfig { capabilities: vec![Capability::Embedding], ..ModelConfig::named(name) };
    let models = vec![ModelConfig::named("m"), vectors("vectors"), vectors("words")];
    let pc = FakeOllama::start(Config { models, ..Config::default() }).await?;
    let (pc, nas) = (format!("pc={}", pc.url()), format!("nas={NOWHERE}"));
    holds("dropped", &["--host", &pc, "--host", &nas, "hello"]).await
}

#[tokio::test]
async fn where_nothing_can_serve_every_cause_is_named() -> Result {
    let pc = host().await?;
    holds("nothing", &["--host", &format!("pc={}", pc.url()), "--model", "nope", "hello"]).await
}

#[tokio::test]
async fn stale_signals_are_named_and_said_to_be_unused() -> Result {
    let series = |fact: &str, value: &str| {
        let name = format!("node_exporter_linux/{fact}");
        json!({"metric": {"instance": "pc:9100", "smart_ai": name}, "value": [1_700_000_000.5, value]})
    };
    let result = [
        series("cpu_busy_ratio/value", "0.99"),
        series("cpu_busy_ratio/age", "500"),
        series("memory_available_bytes/value", "8e9"),
        series("memory_available_bytes/age", "2"),
    ];
    let body = json!({"status": "success", "data": {"resultType": "vector", "result": result}});
    let metrics = MetricsServer::start(Behaviour::answers(200, "", &body.to_string())).await?;
    let pc = host().await?;
    let fleet = format!(
        "[[hosts]]\nid = \"pc\"\nurl = \"{}\"\ninstance = \"pc\"\n\n[prometheus]\nurl = \"{}\"\n",
        pc.url(),
        metrics.url
    );
    holds("stale", &["--config", &file("stale.toml", &fleet)?, "hello"]).await
}
