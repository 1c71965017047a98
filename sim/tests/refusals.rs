//! What a host refuses, in Ollama's words.

mod live;

use live::{Result, ask, chat, chat_with, host, post, quick};
use serde_json::{Value, json};
use smart_ai_sim::{Capability, Config, FakeOllama, ModelConfig};

async fn refused(host: &FakeOllama, path: &str, body: Value, status: u16, text: &str) -> Result {
    let answer = ask(host, path, body).await?;
    assert_eq!(answer, (status, json!({ "error": text })));
    Ok(())
}

#[tokio::test]
async fn models_that_are_not_there() -> Result {
    let host = host(vec![]).await?;
    refused(&host, "/api/chat", chat("nope"), 404, "model 'nope' not found").await?;
    refused(&host, "/api/generate", json!({"model": "nope", "prompt": "x"}), 404, "model 'nope' not found")
        .await?;
    refused(&host, "/api/show", json!({"model": "nope"}), 404, "model 'nope' not found").await?;
    let words = "model \"nope\" not found, try pulling it first";
    refused(&host, "/api/embed", json!({"model": "nope", "input": "x"}), 404, words).await?;
    refused(&host, "/api/chat", json!({"messages": []}), 400, "model is required").await?;
    refused(&host, "/api/chat", chat("a b"), 400, "invalid model name").await?;
    refused(&host, "/api/show", json!({}), 400, "model is required").await
}

#[tokio::test]
async fn abilities_that_are_not_there() -> Result {
    let vectors = ModelConfig { capabilities: vec![Capability::Embedding], ..quick("e") };
    let host = host(vec![quick("a"), vectors]).await?;
    let think = chat_with("a", &json!({"think": true}));
    refused(&host, "/api/chat", think, 400, "\"a\" does not support thinking").await?;
    let tools = chat_with("a", &json!({"tools": [{"type": "function", "function": {"name": "f"}}]}));
    refused(&host, "/api/chat", tools, 400, "registry.ollama.ai/library/a:latest does not support tools")
        .await?;
    refused(&host, "/api/chat", chat("e"), 400, "\"e\" does not support chat").await?;
    let generate = json!({"model": "e", "prompt": "x"});
    refused(&host, "/api/generate", generate, 400, "\"e\" does not support generate").await?;
    assert_eq!(host.stats().in_flight, 0);
    Ok(())
}

#[tokio::test]
async fn values_that_are_not_what_they_should_be() -> Result {
    let host = host(vec![quick("a")]).await?;
    let with = |more: Value| chat_with("a", &more);
    let unit = "time: missing unit in duration \"5\"";
    refused(&host, "/api/chat", with(json!({"keep_alive": "5"})), 400, unit).await?;
    let option = "option \"num_ctx\" must be of type integer";
    refused(&host, "/api/chat", with(json!({"options": {"num_ctx": "big"}})), 500, option).await?;
    let format = "invalid format: \"\\\"xml\\\"\"; expected \"json\" or a valid JSON Schema object";
    refused(&host, "/api/chat", with(json!({"format": "xml"})), 500, format).await?;
    let range = "top_logprobs must be between 0 and 20";
    refused(&host, "/api/chat", with(json!({"top_logprobs": 21})), 400, range).await?;
    let kind =
        "json: cannot unmarshal string into Go struct field ChatRequest.messages of type []api.Message";
    refused(&host, "/api/chat", json!({"model": "a", "messages": "hi"}), 400, kind).await?;
    refused(&host, "/api/embed", json!({"model": "a", "input": 5}), 400, "invalid input type").await?;
    assert_eq!(
        ask(&host, "/api/chat", with(json!({"options": {"no_such": 1}, "stream": false}))).await?.0,
        200
    );
    Ok(())
}

#[tokio::test]
async fn bodies_that_are_not_json() -> Result {
    let host = host(vec![quick("a")]).await?;
    let send = async |body: &'static str| -> Result<Value> {
        let request = reqwest::Client::new().post(format!("{}/api/chat", host.url())).body(body);
        Ok(request
            .send()
            .await?
            .error_for_status_ref()
            .err()
            .map_or(json!("no error"), |e| json!(e.status().map(|s| s.as_u16()))))
    };
    for body in ["", "nope", "{\"model\":", "[]"] {
        assert_eq!(send(body).await?, json!(400), "{body}");
    }
    let text = reqwest::Client::new().post(format!("{}/api/chat", host.url())).send().await?.text().await?;
    assert_eq!(text, "{\"error\":\"missing request body\"}");
    Ok(())
}

#[tokio::test]
async fn paths_methods_and_names_of_hosts() -> Result {
    let host = host(vec![]).await?;
    let client = reqwest::Client::new();
    assert_eq!(client.get(format!("{}/api/chat", host.url())).send().await?.status(), 405);
    assert_eq!(client.post(format!("{}/api/tags", host.url())).send().await?.status(), 405);
    assert_eq!(client.get(format!("{}/nope", host.url())).send().await?.status(), 404);
    for path in ["/", "/api/version", "/api/tags"] {
        assert_eq!(client.head(format!("{}{path}", host.url())).send().await?.status(), 200, "{path}");
    }
    let foreign = client.get(format!("{}/api/tags", host.url())).header("host", "example.com").send().await?;
    assert_eq!((foreign.status().as_u16(), foreign.text().await?.as_str()), (403, ""));
    Ok(())
}

#[tokio::test]
async fn a_model_larger_than_the_memory() -> Result {
    let config = Config {
        memory_gb: Some(1.0),
        models: vec![ModelConfig { memory_gb: Some(2.0), ..quick("a") }],
        ..Config::default()
    };
    let host = FakeOllama::start(config).await?;
    let words = "model requires more system memory (1.9 GiB) than is available (953.7 MiB)";
    refused(&host, "/api/chat", chat("a"), 500, words).await?;
    let (_, kind, _) = post(&host, "/api/chat", chat("a")).await?;
    assert_eq!(kind, "application/json; charset=utf-8");
    Ok(())
}
