//! Several clients at once, and clients that leave.
#![expect(clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod live;

use futures_util::StreamExt;
use live::{Result, ask, chat, chat_with, heavy, host, quick, resident, slow, until};
use serde_json::json;
use smart_ai_sim::{Config, FakeOllama, ModelConfig};

/// Sends a chat request in the background; aborting the task closes the connection.
fn send(host: &FakeOllama, model: &str) -> tokio::task::JoinHandle<Option<String>> {
    let url = format!("{}/api/chat", host.url());
    let body = chat(model).to_string();
    tokio::spawn(
        async move { reqwest::Client::new().post(url).body(body).send().await.ok()?.text().await.ok() },
    )
}

#[tokio::test]
async fn requests_to_one_model_run_one_after_another() -> Result {
    let model = ModelConfig { output_tokens: Some(5), ..slow("a") };
    let host = host(vec![model]).await?;
    let requests = [send(&host, "a"), send(&host, "a"), send(&host, "a")];
    for request in requests {
        assert!(request.await?.is_some_and(|text| text.contains("\"done\":true")));
    }
    let stats = host.stats();
    assert_eq!((stats.loads, stats.models["a:latest"].max_active), (1, 1));
    assert!(stats.models["a:latest"].max_in_flight >= 2, "they were sent at once: {stats:?}");
    Ok(())
}

#[tokio::test]
async fn parallel_slots_are_used() -> Result {
    let config = Config { parallel: 2, models: vec![slow("a")], ..Config::default() };
    let host = FakeOllama::start(config).await?;
    let requests = [send(&host, "a"), send(&host, "a")];
    until(&host, |stats| stats.models.get("a:latest").is_some_and(|model| model.max_active == 2)).await?;
    requests.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(())
}

#[tokio::test]
async fn a_client_that_leaves_during_the_load_aborts_it() -> Result {
    let host = host(vec![heavy("a"), quick("b")]).await?;
    let leaver = send(&host, "a");
    until(&host, |stats| stats.loads == 1).await?;
    assert_eq!(resident(&host).await?, [""; 0], "a loading model is not listed");
    let waiting = send(&host, "b");
    until(&host, |stats| stats.queued == 2).await?;
    leaver.abort();
    assert!(waiting.await?.is_some(), "the next one loads at once");
    let stats = host.stats();
    assert_eq!((stats.load_aborts, stats.aborted, stats.in_flight), (1, 1, 0));
    assert_eq!(resident(&host).await?, ["b:latest"]);
    Ok(())
}

#[tokio::test]
async fn a_client_that_leaves_mid_stream_frees_the_slot() -> Result {
    let host = host(vec![ModelConfig { output_tokens: Some(100_000), ..slow("a") }]).await?;
    let request = reqwest::Client::new().post(format!("{}/api/chat", host.url())).body(chat("a").to_string());
    let mut stream = request.send().await?.bytes_stream();
    assert!(
        stream
            .next()
            .await
            .is_some_and(|chunk| chunk.is_ok_and(|bytes| bytes.starts_with(b"{\"model\":\"a\"")))
    );
    assert_eq!(host.stats().in_flight, 1);
    drop(stream);
    until(&host, |stats| stats.in_flight == 0 && stats.aborted == 1).await?;
    assert_eq!(resident(&host).await?, ["a:latest"], "the model stays");
    Ok(())
}

#[tokio::test]
async fn the_queue_is_bounded() -> Result {
    let config =
        Config { max_queue: 1, models: vec![heavy("a"), quick("b"), quick("c")], ..Config::default() };
    let host = FakeOllama::start(config).await?;
    let requests = [send(&host, "a"), send(&host, "b")];
    until(&host, |stats| stats.queued == 2).await?;
    let (status, answer) = ask(&host, "/api/chat", chat("c")).await?;
    let words = "server busy, please try again.  maximum pending requests exceeded";
    assert_eq!((status, answer), (503, json!({ "error": words })));
    assert_eq!(host.stats().refused, 1);
    requests.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(())
}

#[tokio::test]
async fn the_shortest_session_makes_room() -> Result {
    let config = Config { max_loaded: 2, models: ["a", "b", "c"].map(quick).to_vec(), ..Config::default() };
    let host = FakeOllama::start(config).await?;
    for (model, keep_alive) in [("a", "20m"), ("b", "10m"), ("c", "30m")] {
        ask(&host, "/api/chat", chat_with(model, &json!({"stream": false, "keep_alive": keep_alive})))
            .await?;
    }
    assert_eq!(resident(&host).await?, ["c:latest", "a:latest"]);
    assert_eq!((host.stats().loads, host.stats().evictions), (3, 1));
    Ok(())
}

#[tokio::test]
async fn another_context_length_reloads() -> Result {
    let host = host(vec![quick("a")]).await?;
    for num_ctx in [4096, 8192, 8192, 4096] {
        let more = json!({"stream": false, "options": {"num_ctx": num_ctx}});
        ask(&host, "/api/chat", chat_with("a", &more)).await?;
    }
    assert_eq!((host.stats().loads, host.stats().reloads), (3, 2));
    Ok(())
}

#[tokio::test]
async fn models_of_one_file_share_a_runner() -> Result {
    let same = |name| ModelConfig { blob: Some("file".into()), ..quick(name) };
    let host = host(vec![same("a"), same("b")]).await?;
    for model in ["a", "b"] {
        ask(&host, "/api/chat", chat_with(model, &json!({"stream": false}))).await?;
    }
    assert_eq!((host.stats().loads, resident(&host).await?), (1, vec!["a:latest".to_owned()]));
    Ok(())
}

#[tokio::test]
async fn busy_runners_of_a_shared_host_slow_each_other() -> Result {
    let steady =
        |name, tokens| ModelConfig { decode_tok_per_s: 200.0, output_tokens: Some(tokens), ..quick(name) };
    let config =
        Config { share: true, models: vec![steady("a", 40), steady("b", 30_000)], ..Config::default() };
    let host = FakeOllama::start(config).await?;
    let neighbour = send(&host, "b");
    until(&host, |stats| stats.models.get("b:latest").is_some_and(|model| model.max_active == 1)).await?;
    let answer = ask(&host, "/api/chat", chat_with("a", &json!({"stream": false}))).await?.1;
    assert!(
        answer["eval_duration"].as_u64() >= Some(390_000_000),
        "40 tokens at half of 200 a second: {answer}"
    );
    neighbour.abort();
    Ok(())
}
