//! `bench`.

use serde_json::json;
use smart_ai_sim::{Capability, Config, FakeOllama, Fault, FaultKind, ModelConfig};

use crate::program::{NOWHERE, Result, host, run};

#[tokio::test]
async fn the_speeds_of_a_host_are_found_within_a_tenth() -> Result {
    let (load_s, prefill, decode) = (0.5, 400.0, 40.0);
    let model = ModelConfig {
        load_s: Some(load_s),
        prefill_tok_per_s: prefill,
        decode_tok_per_s: decode,
        output_tokens: Some(200),
        ..ModelConfig::named("m")
    };
    let vectors = ModelConfig { capabilities: vec![Capability::Embedding], ..ModelConfig::named("vectors") };
    let host = FakeOllama::start(Config { models: vec![model, vectors], ..Config::default() }).await?;
    let repeats = ["--repeats", "2", "--output-tokens", "32"];
    let ran = run(&[&["bench", "--host", host.url(), "--json"], &repeats[..]].concat()).await?;
    let report = ran.json()?;
    let arms = report["arms"].as_array().ok_or("no arms")?;
    assert_eq!((ran.code, arms.len(), ran.err.as_str()), (Some(0), 1, ""), "{ran:?}");
    for (key, truth) in [("load_s", load_s), ("prefill_tok_per_s", prefill), ("decode_tok_per_s", decode)] {
        let found = arms[0][key].as_f64().ok_or("no number")?;
        assert!((found / truth - 1.0).abs() < 0.1, "{key}: {found}, truly {truth}");
    }
    let stats = host.stats();
    assert_eq!((stats.loads, stats.reloads), (2, 0), "loads once a repeat, and no more");
    assert!(stats.loaded.is_empty(), "leaves the host as it was: {:?}", stats.loaded);
    Ok(())
}

#[tokio::test]
async fn an_arm_that_fails_is_named_beside_those_that_do_not() -> Result {
    let models = vec![ModelConfig::named("good"), ModelConfig::named("bad")];
    let models = models.into_iter().map(|model| ModelConfig { output_tokens: Some(20), ..model }).collect();
    let host = FakeOllama::start(Config { models, ..Config::default() }).await?;
    host.set_fault(Fault { model: Some("bad".into()), ..Fault::new(FaultKind::Oom) });
    let ran = run(&["bench", "--host", host.url(), "--repeats", "1", "--json"]).await?;
    let report = ran.json()?;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let error = |name: &str| {
        let arms = report["arms"].as_array().into_iter().flatten();
        arms.filter(|arm| arm["model"] == json!(name)).map(|arm| arm["error"].clone()).next()
    };
    assert_eq!(error("good:latest"), Some(json!(null)));
    assert!(error("bad:latest").is_some_and(|error| error.to_string().contains("memory")), "{report}");
    let ran = run(&["bench", "--host", host.url(), "--repeats", "1", "--model", "good"]).await?;
    assert!(ran.code == Some(0) && ran.out.contains("good:latest") && !ran.out.contains("bad"), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn nothing_to_measure_is_a_failure_that_says_so() -> Result {
    let host = host().await?;
    for arguments in
        [["bench", "--host", NOWHERE], ["bench", "--model=nope", &format!("--host={}", host.url())]]
    {
        let ran = run(&arguments).await?;
        assert!(ran.code == Some(1) && ran.err.contains("no arm to measure"), "{ran:?}");
    }
    Ok(())
}
