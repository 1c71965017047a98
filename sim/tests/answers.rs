//! What a host answers: streams, counters, formats, thinking, tools, embeddings, inventory.
#![expect(clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod live;

use live::{Result, able, ask, chat, chat_with, get, host, lines, post, quick, resident};
use serde_json::{Value, json};
use smart_ai_sim::{Capability, Config, FakeOllama, ModelConfig};

#[tokio::test]
async fn a_chat_streams_a_line_a_token_and_ends_with_counters() -> Result {
    let model = ModelConfig { answer: Some("one two three".into()), ..quick("a") };
    let host = host(vec![model]).await?;
    let lines = lines(&host, "/api/chat", chat("a")).await?;
    let words: Vec<_> =
        lines.iter().map(|line| line["message"]["content"].as_str().unwrap_or_default()).collect();
    assert_eq!(words, ["one", " two", " three", ""]);
    assert!(lines[..3].iter().all(|line| line["done"] == false && line.get("total_duration").is_none()));
    let last = &lines[3];
    assert_eq!(
        (&last["done"], &last["done_reason"], &last["model"]),
        (&json!(true), &json!("stop"), &json!("a"))
    );
    assert_eq!(last["eval_count"], 4, "the end of text counts");
    assert!(last["total_duration"].as_u64() >= last["load_duration"].as_u64());
    assert!(
        last.get("eval_duration").is_none() && last.get("context").is_none(),
        "what took no time is left out"
    );
    Ok(())
}

/// The `data` of each event.
fn events(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

#[tokio::test]
async fn openai_and_anthropic_get_the_same_words_in_their_own_forms() -> Result {
    let model = ModelConfig { answer: Some("one two three".into()), ..quick("a") };
    let host = host(vec![model]).await?;
    let more = json!({"stream": true, "stream_options": {"include_usage": true}, "max_tokens": 2});
    let (status, kind, text) = post(&host, "/v1/chat/completions", chat_with("a", &more)).await?;
    assert_eq!((status, kind.as_str()), (200, "text/event-stream"), "{text}");
    let chunks = events(&text);
    let words: String =
        chunks.iter().filter_map(|chunk| chunk.pointer("/choices/0/delta/content")?.as_str()).collect();
    assert_eq!(words, "one two");
    assert_eq!(chunks.last().and_then(|last| last.pointer("/usage/completion_tokens")), Some(&json!(2)));
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    let (_, whole) = ask(&host, "/v1/chat/completions", chat("a")).await?;
    assert_eq!(whole["choices"][0]["message"]["content"], "one two three");
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");

    let more = json!({"stream": true, "max_tokens": 2, "system": "Be short."});
    let (_, _, text) = post(&host, "/v1/messages", chat_with("a", &more)).await?;
    let events = events(&text);
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds.first().zip(kinds.last()), Some((&"message_start", &"message_stop")), "{kinds:?}");
    let words: String = events.iter().filter_map(|event| event.pointer("/delta/text")?.as_str()).collect();
    let ending = events.iter().find(|event| event["type"] == "message_delta");
    assert_eq!(
        (words.as_str(), ending.map(|event| &event["delta"]["stop_reason"])),
        ("one two", Some(&json!("max_tokens")))
    );
    let (_, whole) = ask(&host, "/v1/messages", chat("a")).await?;
    assert_eq!(
        (&whole["content"][0]["text"], &whole["stop_reason"]),
        (&json!("one two three"), &json!("end_turn"))
    );
    Ok(())
}

#[tokio::test]
async fn generate_sends_response_and_context() -> Result {
    let host = host(vec![ModelConfig { echo: true, ..quick("a") }]).await?;
    let lines = lines(&host, "/api/generate", json!({"model": "a", "prompt": "say this"})).await?;
    let text: String = lines.iter().filter_map(|line| line["response"].as_str()).collect();
    assert_eq!(text, "say this");
    assert!(lines.last().is_some_and(|last| last["context"].as_array().is_some_and(|c| !c.is_empty())));
    assert!(lines.iter().all(|line| line.get("message").is_none()));
    Ok(())
}

#[tokio::test]
async fn without_streaming_the_answer_is_one_object() -> Result {
    let host = host(vec![quick("a")]).await?;
    let (status, kind, text) = post(&host, "/api/chat", chat_with("a", &json!({"stream": false}))).await?;
    assert_eq!((status, kind.as_str()), (200, "application/json; charset=utf-8"));
    let answer: Value = serde_json::from_str(&text)?;
    assert_eq!(answer["done"], true);
    let again = ask(&host, "/api/chat", chat_with("a", &json!({"stream": false}))).await?.1;
    assert_eq!(answer["message"], again["message"], "the same request gets the same words");
    Ok(())
}

#[tokio::test]
async fn num_predict_and_stop_end_an_answer() -> Result {
    let host = host(vec![ModelConfig { answer: Some("one two three".into()), ..quick("a") }]).await?;
    let said = async |options: Value| -> Result<Value> {
        Ok(ask(&host, "/api/chat", chat_with("a", &json!({"stream": false, "options": options}))).await?.1)
    };
    let short = said(json!({"num_predict": 2})).await?;
    assert_eq!((&short["message"]["content"], &short["done_reason"]), (&json!("one two"), &json!("length")));
    assert_eq!(short["eval_count"], 2);
    let stopped = said(json!({"stop": [" th"]})).await?;
    assert_eq!(
        (&stopped["message"]["content"], &stopped["done_reason"]),
        (&json!("one two"), &json!("stop"))
    );
    Ok(())
}

#[tokio::test]
async fn speeds_show_in_the_counters() -> Result {
    let model = ModelConfig {
        prefill_tok_per_s: 100.0,
        decode_tok_per_s: 100.0,
        load_s: Some(0.05),
        output_tokens: Some(10),
        ..quick("a")
    };
    let host = host(vec![model]).await?;
    let answer = ask(&host, "/api/chat", chat_with("a", &json!({"stream": false}))).await?.1;
    let at_least =
        |key: &str, ms: u64| assert!(answer[key].as_u64() >= Some(ms * 1_000_000), "{key}: {answer}");
    at_least("load_duration", 50);
    at_least("prompt_eval_duration", answer["prompt_eval_count"].as_u64().unwrap_or_default() * 10);
    at_least("eval_duration", 95);
    at_least("total_duration", 150);
    Ok(())
}

#[tokio::test]
async fn a_schema_is_kept_to() -> Result {
    let host = host(vec![quick("a")]).await?;
    let schema = json!({"type": "object", "required": ["label", "score"], "properties":
        {"label": {"enum": ["good", "bad"]}, "score": {"type": "integer", "minimum": 1, "maximum": 5}}});
    for seed in 0..20 {
        let more = json!({"stream": false, "format": schema, "options": {"seed": seed}});
        let answer = ask(&host, "/api/chat", chat_with("a", &more)).await?.1;
        let value: Value = serde_json::from_str(answer["message"]["content"].as_str().unwrap_or_default())?;
        assert!(value["label"] == "good" || value["label"] == "bad");
        assert!(matches!(value["score"].as_i64(), Some(1..=5)));
    }
    let plain = ask(&host, "/api/chat", chat_with("a", &json!({"stream": false, "format": "json"}))).await?.1;
    let text = plain["message"]["content"].as_str().unwrap_or_default();
    assert!(serde_json::from_str::<Value>(text)?.is_object());
    Ok(())
}

#[tokio::test]
async fn a_thinking_model_thinks_unless_told_not_to() -> Result {
    let host = host(vec![able("a", Capability::Thinking)]).await?;
    let thinking = ask(&host, "/api/chat", chat_with("a", &json!({"stream": false}))).await?.1;
    assert!(thinking["message"]["thinking"].is_string());
    let not = ask(&host, "/api/chat", chat_with("a", &json!({"stream": false, "think": false}))).await?.1;
    assert!(not["message"].get("thinking").is_none());
    Ok(())
}

#[tokio::test]
async fn a_tool_is_called_once_and_its_result_is_answered_in_words() -> Result {
    let host = host(vec![able("a", Capability::Tools)]).await?;
    let tools = json!([{"type": "function", "function": {"name": "weather", "parameters":
        {"type": "object", "properties": {"city": {"enum": ["Oslo"]}}, "required": ["city"]}}}]);
    let called = lines(&host, "/api/chat", chat_with("a", &json!({"tools": tools}))).await?;
    let call = &called[0]["message"]["tool_calls"][0]["function"];
    assert_eq!((&call["name"], &call["arguments"]), (&json!("weather"), &json!({"city": "Oslo"})));
    let messages = json!([{"role": "user", "content": "?"}, {"role": "tool", "content": "rain"}]);
    let more = json!({"tools": tools, "messages": messages, "stream": false});
    let answer = ask(&host, "/api/chat", chat_with("a", &more)).await?.1;
    assert!(answer["message"].get("tool_calls").is_none());
    assert!(answer["message"]["content"].as_str().is_some_and(|text| !text.is_empty()));
    Ok(())
}

#[tokio::test]
async fn embeddings_have_length_one_and_near_texts_are_near() -> Result {
    let model = ModelConfig { capabilities: vec![Capability::Embedding], ..quick("e") };
    let host = host(vec![model]).await?;
    let input = json!(["the cat sat on the mat", "the cat on the mat", "stock markets fell"]);
    let answer = ask(&host, "/api/embed", json!({"model": "e", "input": input})).await?.1;
    let vectors: Vec<Vec<f64>> = serde_json::from_value(answer["embeddings"].clone())?;
    let dot = |a: usize, b: usize| vectors[a].iter().zip(&vectors[b]).map(|(x, y)| x * y).sum::<f64>();
    assert!((dot(0, 0) - 1.0).abs() < 1e-3 && dot(0, 1) > dot(0, 2) + 0.3);
    assert!(answer.get("eval_count").is_none() && answer["prompt_eval_count"].is_u64());
    let short = ask(&host, "/api/embed", json!({"model": "e", "input": "x", "dimensions": 8})).await?.1;
    assert_eq!(short["embeddings"][0].as_array().map(Vec::len), Some(8));
    Ok(())
}

#[tokio::test]
async fn a_prompt_too_long_is_cut_or_refused() -> Result {
    let host = host(vec![quick("a")]).await?;
    let long = "word ".repeat(4000);
    let request = |more: Value| chat_with("a", &more);
    let messages = json!([{"role": "user", "content": long}]);
    let cut = ask(&host, "/api/chat", request(json!({"messages": messages, "stream": false}))).await?;
    assert_eq!((cut.0, &cut.1["prompt_eval_count"]), (200, &json!(4096)));
    let refused = ask(&host, "/api/chat", request(json!({"messages": messages, "truncate": false}))).await?;
    assert_eq!(refused, (400, json!({"error": "the input length exceeds the context length"})));
    let chat = json!([{"role": "system", "content": "s"}, {"role": "user", "content": long}, {"role": "user", "content": "hi"}]);
    let trimmed = ask(&host, "/api/chat", request(json!({"messages": chat, "stream": false}))).await?.1;
    assert!(trimmed["prompt_eval_count"].as_u64() < Some(100), "the oldest message goes first: {trimmed}");
    Ok(())
}

#[tokio::test]
async fn from_0_30_a_chat_too_long_gets_the_runner_s_own_error() -> Result {
    let config = Config { version: "0.32.15".into(), models: vec![quick("a")], ..Config::default() };
    let host = FakeOllama::start(config).await?;
    let messages = json!([{"role": "user", "content": "word ".repeat(4000)}]);
    let (status, answer) = ask(&host, "/api/chat", chat_with("a", &json!({"messages": messages}))).await?;
    let inner: Value = serde_json::from_str(answer["error"].as_str().unwrap_or_default())?;
    assert_eq!((status, &inner["error"]["type"]), (400, &json!("exceed_context_size_error")));
    assert_eq!(inner["error"]["n_ctx"], 4096);
    assert!(get(&host, "/api/tags").await?["models"][0]["capabilities"].is_array());
    Ok(())
}

#[tokio::test]
async fn tags_ps_show_and_version_tell_what_there_is() -> Result {
    let host = host(vec![quick("A"), ModelConfig { size_gb: 2.0, ..quick("b:mini") }]).await?;
    let tags = get(&host, "/api/tags").await?;
    assert_eq!(
        (&tags["models"][0]["name"], &tags["models"][1]["size"]),
        (&json!("A:latest"), &json!(2_000_000_000))
    );
    assert!(tags["models"][0].get("capabilities").is_none(), "not before 0.30");
    assert_eq!(get(&host, "/api/version").await?, json!({"version": "0.24.0"}));
    assert_eq!(get(&host, "/api/ps").await?, json!({"models": []}));
    ask(&host, "/api/chat", chat_with("a:LATEST", &json!({"stream": false, "options": {"num_ctx": 2048}})))
        .await?;
    let ps = get(&host, "/api/ps").await?;
    assert_eq!(
        (&ps["models"][0]["name"], &ps["models"][0]["context_length"]),
        (&json!("A:latest"), &json!(2048))
    );
    assert_eq!(ps["models"][0]["digest"], tags["models"][0]["digest"]);
    let show = ask(&host, "/api/show", json!({"model": "b:mini"})).await?.1;
    let info = &show["model_info"];
    assert_eq!(
        (&info["general.architecture"], &info["llama.context_length"]),
        (&json!("llama"), &json!(131_072))
    );
    assert_eq!(show["capabilities"], json!(["completion"]));
    Ok(())
}

#[tokio::test]
async fn an_empty_request_loads_and_with_keep_alive_zero_unloads() -> Result {
    let host = host(vec![quick("a")]).await?;
    let loaded = ask(&host, "/api/generate", json!({"model": "a"})).await?.1;
    assert_eq!((&loaded["done_reason"], &loaded["response"]), (&json!("load"), &json!("")));
    assert_eq!(resident(&host).await?, ["a:latest"]);
    let unloaded = ask(&host, "/api/chat", json!({"model": "a", "messages": [], "keep_alive": 0})).await?.1;
    assert_eq!(
        (&unloaded["done_reason"], &unloaded["message"]["role"]),
        (&json!("unload"), &json!("assistant"))
    );
    assert_eq!(resident(&host).await?, [""; 0]);
    let nothing = ask(&host, "/api/generate", json!({"model": "a", "keep_alive": "0s"})).await?;
    assert_eq!((nothing.0, &nothing.1["done_reason"]), (200, &json!("unload")));
    Ok(())
}

#[tokio::test]
async fn keep_alive_decides_how_long_a_model_stays() -> Result {
    let host = host(vec![quick("a"), quick("b")]).await?;
    ask(&host, "/api/chat", chat_with("a", &json!({"stream": false, "keep_alive": -1}))).await?;
    ask(&host, "/api/chat", chat_with("b", &json!({"stream": false, "keep_alive": "10m"}))).await?;
    assert_eq!(resident(&host).await?, ["a:latest", "b:latest"], "longest remaining first");
    let ps = get(&host, "/api/ps").await?;
    let year = ps["models"][0]["expires_at"].as_str().and_then(|text| text.get(..4)?.parse::<u32>().ok());
    assert!(year > Some(2300), "{year:?}");
    ask(&host, "/api/chat", chat_with("b", &json!({"stream": false, "keep_alive": 0.05}))).await?;
    live::until(&host, |stats| stats.unloads == 1).await?;
    assert_eq!(resident(&host).await?, ["a:latest"]);
    Ok(())
}
