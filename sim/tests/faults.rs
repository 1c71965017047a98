//! Every fault, by run time and by the control endpoint.
#![expect(clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod live;

use live::{Result, ask, chat, chat_with, get, host, lines, post, quick, resident, slow, until};
use serde_json::{Value, json};
use smart_ai_sim::{Config, FakeOllama, Fault, FaultKind, ModelConfig};

fn once(kind: FaultKind) -> Fault {
    Fault { count: Some(1), ..Fault::new(kind) }
}

fn fixed() -> ModelConfig {
    ModelConfig { answer: Some("one two three four".into()), ..quick("a") }
}

#[tokio::test]
async fn busy_and_status_answer_in_place_of_the_model() -> Result {
    let host = host(vec![quick("a")]).await?;
    host.set_fault(once(FaultKind::Busy));
    assert_eq!(ask(&host, "/api/chat", chat("a")).await?.0, 503);
    for status in [401, 403, 500] {
        host.set_fault(Fault { status: Some(status), text: Some("no".into()), ..once(FaultKind::Status) });
        assert_eq!(ask(&host, "/api/chat", chat("a")).await?, (status, json!({"error": "no"})));
    }
    assert_eq!(post(&host, "/api/chat", chat("a")).await?.0, 200, "each hit once");
    Ok(())
}

#[tokio::test]
async fn paths_and_models_narrow_a_fault() -> Result {
    let host = host(vec![quick("a"), quick("b")]).await?;
    host.set_fault(Fault { model: Some("b".into()), ..Fault::new(FaultKind::Busy) });
    assert_eq!(post(&host, "/api/chat", chat("a")).await?.0, 200);
    assert_eq!(post(&host, "/api/chat", chat("b")).await?.0, 503);
    host.set_fault(Fault { paths: Some(vec!["/api/tags".into()]), ..Fault::new(FaultKind::Html) });
    let page = reqwest::get(format!("{}/api/tags", host.url())).await?;
    assert_eq!(page.status(), 502);
    assert!(page.text().await?.starts_with("<!DOCTYPE html>"));
    assert_eq!(post(&host, "/api/chat", chat("a")).await?.0, 200);
    Ok(())
}

#[tokio::test]
async fn streams_that_break() -> Result {
    let host = host(vec![fixed()]).await?;
    host.set_fault(Fault { after_tokens: Some(2), ..once(FaultKind::Cut) });
    let cut = lines(&host, "/api/chat", chat("a")).await?;
    assert_eq!((cut.len(), &cut[1]["done"]), (2, &json!(false)));
    host.set_fault(once(FaultKind::Cut));
    let whole = ask(&host, "/api/chat", chat_with("a", &json!({"stream": false}))).await?.1;
    assert_eq!((&whole["done"], &whole["message"]["content"]), (&json!(false), &json!("one two")));
    host.set_fault(Fault { text: Some("boom".into()), ..once(FaultKind::ErrorLine) });
    assert_eq!(lines(&host, "/api/chat", chat("a")).await?.last(), Some(&json!({"error": "boom"})));
    host.set_fault(once(FaultKind::Garbage));
    let (status, _, text) = post(&host, "/api/chat", chat("a")).await?;
    assert!(
        status == 200 && text.lines().last().is_some_and(|line| serde_json::from_str::<Value>(line).is_err())
    );
    host.set_fault(Fault { abrupt: true, ..once(FaultKind::Cut) });
    assert!(post(&host, "/api/chat", chat("a")).await.is_err(), "the connection breaks");
    assert_eq!(host.stats().in_flight, 0);
    Ok(())
}

#[tokio::test]
async fn a_load_runs_out_of_memory_and_a_loaded_model_does_not() -> Result {
    let host = host(vec![quick("a")]).await?;
    let oom = host.set_fault(Fault::new(FaultKind::Oom));
    let words = "llama runner process has terminated: cudaMalloc failed: out of memory";
    assert_eq!(ask(&host, "/api/chat", chat("a")).await?, (500, json!({ "error": words })));
    assert_eq!(resident(&host).await?, [""; 0]);
    assert!(host.clear_fault(oom) && !host.clear_fault(oom));
    post(&host, "/api/chat", chat("a")).await?;
    host.set_fault(Fault::new(FaultKind::Oom));
    assert_eq!(post(&host, "/api/chat", chat("a")).await?.0, 200);
    Ok(())
}

#[tokio::test]
async fn a_hang_gives_no_byte_until_it_ends_and_tags_stay_green() -> Result {
    let host = host(vec![quick("a")]).await?;
    host.set_fault(Fault::new(FaultKind::Hang));
    let url = format!("{}/api/chat", host.url());
    let request =
        tokio::spawn(
            async move { reqwest::Client::new().post(url).body(chat("a").to_string()).send().await },
        );
    until(&host, |stats| stats.models.get("a:latest").is_some_and(|model| model.max_active == 1)).await?;
    assert_eq!(resident(&host).await?, ["a:latest"]);
    assert!(!request.is_finished());
    host.clear_faults();
    assert_eq!(request.await??.status(), 200);
    Ok(())
}

#[tokio::test]
async fn a_host_that_dies_loses_its_models_and_comes_back() -> Result {
    let host = host(vec![ModelConfig { output_tokens: Some(100_000), ..slow("a") }]).await?;
    let url = format!("{}/api/chat", host.url());
    let broken = tokio::spawn(async move {
        reqwest::Client::new().post(url).body(chat("a").to_string()).send().await?.text().await
    });
    until(&host, |stats| stats.models.get("a:latest").is_some_and(|model| model.max_active == 1)).await?;
    host.set_fault(Fault::new(FaultKind::Down));
    assert!(broken.await?.is_err());
    until(&host, |stats| stats.in_flight == 0).await?;
    assert!(reqwest::get(host.url()).await.is_err_and(|error| error.is_connect()));
    let control = format!("{}/control/faults", host.control_url());
    reqwest::Client::new().delete(control).send().await?.error_for_status()?;
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while reqwest::get(host.url()).await.is_err() {
        assert!(std::time::Instant::now() < end, "never came back");
    }
    assert_eq!(resident(&host).await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_host_that_resets_keeps_its_models() -> Result {
    let host = host(vec![quick("a")]).await?;
    post(&host, "/api/chat", chat("a")).await?;
    let id = host.set_fault(Fault { reset: true, ..Fault::new(FaultKind::Down) });
    assert!(reqwest::get(host.url()).await.is_err());
    host.clear_fault(id);
    assert_eq!(resident(&host).await?, ["a:latest"]);
    Ok(())
}

#[tokio::test]
async fn a_counted_reset_hits_so_many_connections() -> Result {
    let host = host(vec![quick("a")]).await?;
    host.set_fault(Fault { reset: true, ..once(FaultKind::Down) });
    assert!(reqwest::get(host.url()).await.is_err());
    assert_eq!(reqwest::get(host.url()).await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn a_split_stream_comes_byte_by_byte_and_whole() -> Result {
    let host = host(vec![ModelConfig { answer: Some("Grüße, 世界".into()), ..quick("a") }]).await?;
    host.set_fault(Fault::new(FaultKind::Split));
    let url = format!("{}/api/chat", host.url());
    let mut response = reqwest::Client::new().post(url).body(chat("a").to_string()).send().await?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        assert_eq!(chunk.len(), 1);
        body.extend_from_slice(&chunk);
    }
    let lines = String::from_utf8(body)?;
    let said = |line: &str| -> Result<String> {
        let value: Value = serde_json::from_str(line)?;
        Ok(value["message"]["content"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(lines.lines().map(said).collect::<Result<String>>()?, "Grüße, 世界");
    Ok(())
}

#[tokio::test]
async fn a_missing_model_is_nowhere() -> Result {
    let host = host(vec![quick("a"), quick("b")]).await?;
    host.set_fault(Fault { model: Some("a".into()), ..Fault::new(FaultKind::Missing) });
    assert_eq!(ask(&host, "/api/chat", chat("a")).await?, (404, json!({"error": "model 'a' not found"})));
    assert_eq!(get(&host, "/api/tags").await?["models"].as_array().map(Vec::len), Some(1));
    Ok(())
}

#[tokio::test]
async fn slow_and_ps_block_take_their_time() -> Result {
    let host = host(vec![quick("a")]).await?;
    host.set_fault(Fault { delay_s: Some(0.2), ..once(FaultKind::Slow) });
    let answer = ask(&host, "/api/chat", chat_with("a", &json!({"stream": false}))).await?.1;
    assert!(answer["total_duration"].as_u64() >= Some(200_000_000), "{answer}");
    let begun = std::time::Instant::now();
    host.set_fault(Fault { delay_s: Some(0.2), ..once(FaultKind::PsBlock) });
    resident(&host).await?;
    assert!(begun.elapsed() >= std::time::Duration::from_millis(200));
    Ok(())
}

#[tokio::test]
async fn the_control_endpoint_sets_lists_and_ends_faults() -> Result {
    let fault: Fault = serde_json::from_value(json!({"kind": "busy"}))?;
    let config = Config { models: vec![quick("a")], faults: vec![fault], ..Config::default() };
    let host = FakeOllama::start(config).await?;
    assert_eq!(post(&host, "/api/chat", chat("a")).await?.0, 503, "configured");
    let (_, added) =
        ask(&host, "/control/faults", json!([{"kind": "hang"}, {"kind": "oom", "count": 2}])).await?;
    assert_eq!(added, json!({"ids": [2, 3]}));
    assert_eq!(get(&host, "/control/faults").await?["faults"][0]["hits"], 1);
    let (status, error) = ask(&host, "/control/faults", json!({"kind": "busy", "cuont": 1})).await?;
    assert!(
        status == 400 && error["error"].as_str().is_some_and(|text| text.contains("unknown field `cuont`"))
    );
    let removed = reqwest::Client::new().delete(format!("{}/control/faults", host.url())).send().await?;
    assert_eq!(removed.json::<Value>().await?, json!({"removed": 3}));
    assert_eq!(post(&host, "/api/chat", chat("a")).await?.0, 200);
    assert_eq!(get(&host, "/control/stats").await?["requests"]["/api/chat"], 2);
    Ok(())
}
