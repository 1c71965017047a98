//! `ask` and `decide`.

use serde_json::json;
use smart_ai_sim::{Capability, Config, FakeOllama, Fault, FaultKind, ModelConfig};

use crate::program::{NOWHERE, Result, file, host, host_of, keys, run, run_with};

#[tokio::test]
async fn a_prompt_is_answered_on_stdout_and_nothing_else_is_said() -> Result {
    let host = host_of(ModelConfig { answer: Some("Bonjour".into()), ..ModelConfig::named("m") }).await?;
    let ran = run(&["ask", "--host", host.url(), "Say hello"]).await?;
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "Bonjour\n", ""));
    let ran = run(&["--host", host.url(), "ask", "--explain", "Say hello"]).await?;
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "Bonjour\n"));
    assert!(ran.err.contains("m:latest on 127.0.0.1:") && ran.err.contains("took"), "{}", ran.err);
    Ok(())
}

#[tokio::test]
async fn the_prompt_comes_from_stdin_where_it_is_a_dash_or_absent() -> Result {
    let host = host_of(ModelConfig { echo: true, ..ModelConfig::named("m") }).await?;
    for arguments in [vec!["ask", "--host", host.url(), "-"], vec!["ask", "--host", host.url()]] {
        let ran = run_with(b"from a pipe", &arguments).await?;
        assert_eq!((ran.code, ran.out.trim()), (Some(0), "from a pipe"), "{ran:?}");
    }
    let ran = run_with(b"from a pipe", &["decide", "--host", host.url(), "--json", "-"]).await?;
    assert!(ran.json()?["prompt_tokens"].as_u64() > Some(1), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn json_has_the_promised_keys_whether_it_went_well_or_not() -> Result {
    let host = host().await?;
    let good = run(&["ask", "--host", host.url(), "--json", "hello"]).await?;
    let bad = run(&["ask", "--host", NOWHERE, "--json", "hello"]).await?;
    assert_eq!((good.code, bad.code), (Some(0), Some(1)));
    let expected =
        ["attempts", "decision", "error", "host", "id", "model", "ms", "ok", "predicted_ms", "text", "usage"];
    for answer in [good.json()?, bad.json()?] {
        assert_eq!(keys(&answer), expected);
        assert_eq!(keys(&answer["ms"]), ["first_token", "load", "queue", "total"]);
        assert_eq!(keys(&answer["usage"]), ["output_tokens", "prompt_tokens"]);
    }
    let (good, bad) = (good.json()?, bad.json()?);
    assert_eq!((&good["ok"], &good["error"], &bad["ok"]), (&json!(true), &json!(null), &json!(false)));
    assert_eq!(keys(&bad["error"]), ["code", "hint", "message"]);
    assert_eq!(bad["error"]["code"], "no_host");
    let attempt = &good["attempts"][0];
    for key in ["host", "model", "outcome", "ms"] {
        assert!(attempt.get(key).is_some(), "{attempt}");
    }
    Ok(())
}

#[tokio::test]
async fn a_failed_ask_says_why_and_what_to_do_and_exits_with_1() -> Result {
    let host = host().await?;
    let ran = run(&["ask", "--host", host.url(), "--model", "nope", "hello"]).await?;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("no host that answers has the model \"nope\""), "{}", ran.err);
    assert!(ran.err.contains("ollama pull nope"), "{}", ran.err);
    let ran = run(&["ask", "--host", NOWHERE, "hello"]).await?;
    assert!(ran.code == Some(1) && ran.err.contains("no host answers"), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn vectors_are_printed_as_json() -> Result {
    let model = ModelConfig { capabilities: vec![Capability::Embedding], ..ModelConfig::named("vectors") };
    let host = host_of(model).await?;
    let ran = run(&["ask", "--host", host.url(), "--task", "embed", "kitten"]).await?;
    assert_eq!(ran.json()?[0].as_array().map(Vec::len), Some(384), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn a_schema_file_shapes_the_answer() -> Result {
    let schema = r#"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"#;
    let (host, good) = (host().await?, file("schema.json", schema)?);
    let ran = run(&["ask", "--host", host.url(), "--schema", &good, "Where?"]).await?;
    assert!(ran.code == Some(0) && ran.json()?["city"].is_string(), "{ran:?}");
    let broken = file("broken.json", "{")?;
    for path in [broken.as_str(), "no-such-schema.json"] {
        let ran = run(&["ask", "--host", host.url(), "--schema", path, "Where?"]).await?;
        assert!(ran.code == Some(2) && ran.err.contains(path), "{ran:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_decision_is_the_one_an_ask_takes_and_calls_nothing() -> Result {
    let host = host().await?;
    let ran = run(&["decide", "--host", host.url(), "--json", "Summarize this"]).await?;
    let decision = ran.json()?;
    assert_eq!(ran.code, Some(0));
    assert_eq!(host.stats().requests.get("/api/chat"), None);
    let answer = run(&["ask", "--host", host.url(), "--json", "Summarize this"]).await?.json()?;
    assert_eq!(keys(&decision), keys(&answer["decision"]));
    assert_eq!(decision["chosen"], answer["decision"]["chosen"]);
    let ran = run(&["decide", "--host", host.url(), "--explain", "Summarize this"]).await?;
    assert!(ran.out.contains("task summarize") && ran.out.contains("score"), "{}", ran.out);
    Ok(())
}

#[tokio::test]
async fn a_decision_without_an_arm_exits_with_1_and_shows_what_was_dropped() -> Result {
    let host = host().await?;
    let ran = run(&["decide", "--host", host.url(), "--model", "nope", "hello"]).await?;
    assert!(ran.code == Some(1) && ran.out.contains("dropped m:latest"), "{ran:?}");
    assert!(ran.err.contains("nope"), "{ran:?}");
    let ran = run(&["decide", "--host", NOWHERE, "--json", "hello"]).await?;
    assert!(ran.code == Some(1) && ran.json()?["chosen"].is_null(), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_printed_as_far_as_it_came_and_exits_with_1() -> Result {
    let model = ModelConfig { output_tokens: Some(40), ..ModelConfig::named("m") };
    let host = FakeOllama::start(Config { models: vec![model], ..Config::default() }).await?;
    host.set_fault(Fault { after_tokens: Some(5), ..Fault::new(FaultKind::Cut) });
    let ran = run(&["ask", "--host", host.url(), "a story"]).await?;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(!ran.out.trim().is_empty() && !ran.err.is_empty(), "{ran:?}");
    Ok(())
}
