//! `ask --jsonl`.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use smart_ai_sim::{Config, FakeOllama, ModelConfig};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::program::{Result, file, host, host_of, program, run, run_with};

fn lines(out: &str) -> Result<Vec<Value>> {
    Ok(out.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>()?)
}

fn with_id<'a>(answers: &'a [Value], id: &Value) -> Option<&'a Value> {
    answers.iter().find(|answer| answer["id"] == *id)
}

#[tokio::test]
async fn every_line_is_a_result_and_bad_ones_are_named_by_number() -> Result {
    let host = host().await?;
    let mut text =
        b"{\"id\":\"a\",\"prompt\":\"hello\"}\n\nnot json\n{\"prompt\":\"hi\",\"colour\":1}\n".to_vec();
    text.extend_from_slice(
        b"\xff\xfe\n{\"id\":6,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}\n{\"prompt\":\"\"}",
    );
    let ran = run_with(&text, &["ask", "--host", host.url(), "--jsonl", "-", "--json"]).await?;
    let answers = lines(&ran.out)?;
    assert_eq!((ran.code, answers.len(), ran.err.as_str()), (Some(1), 6, ""), "{ran:?}");
    for id in [json!("a"), json!(6)] {
        assert_eq!(with_id(&answers, &id).map(|answer| &answer["ok"]), Some(&json!(true)), "{id}");
    }
    for (line, word) in [(3, "not JSON"), (4, "colour"), (5, "not JSON"), (7, "empty")] {
        let answer = with_id(&answers, &json!(format!("line {line}"))).ok_or("no such line")?;
        assert_eq!((&answer["ok"], &answer["error"]["code"]), (&json!(false), &json!("invalid_request")));
        assert!(answer["error"]["message"].as_str().unwrap_or_default().contains(word), "{answer}");
    }
    Ok(())
}

#[tokio::test]
async fn results_come_as_they_end_while_the_input_is_still_open() -> Result {
    let host = host().await?;
    let arguments = ["ask", "--host", host.url(), "--jsonl", "-", "--concurrency", "2"];
    let mut child = program(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().ok_or("no stdin")?;
    let mut output = BufReader::new(child.stdout.take().ok_or("no stdout")?).lines();
    for id in 1..=3 {
        input.write_all(format!("{{\"id\":{id},\"prompt\":\"hello\"}}\n").as_bytes()).await?;
        let line = tokio::time::timeout(Duration::from_secs(20), output.next_line()).await??;
        let answer: Value = serde_json::from_str(&line.ok_or("ended early")?)?;
        assert_eq!((&answer["id"], &answer["ok"]), (&json!(id), &json!(true)), "{answer}");
    }
    drop(input);
    assert_eq!(child.wait().await?.code(), Some(0));
    Ok(())
}

#[tokio::test]
async fn what_is_said_of_answers_moves_the_next_choice() -> Result {
    let model = |name: &str| ModelConfig {
        decode_tok_per_s: 1e4,
        output_tokens: Some(2),
        ..ModelConfig::named(name)
    };
    let models = vec![model("one"), model("two")];
    let host = FakeOllama::start(Config { models, ..Config::default() }).await?;
    let ask = json!({"prompt": "hello", "task": "chat", "mode": "best", "max_tokens": 2}).to_string();
    let arguments = ["ask", "--host", host.url(), "--jsonl", "-", "--concurrency", "1"];
    let first = lines(&run_with(ask.as_bytes(), &arguments).await?.out)?;
    let liked = first[0]["model"].as_str().ok_or("no model")?.to_owned();
    let bad = json!({"feedback": {"model": liked, "task": "chat", "thumbs": "down"}}).to_string();
    let empty = json!({"feedback": {"model": liked, "task": "chat"}}).to_string();
    let text = [ask.clone(), vec![bad; 20].join("\n"), empty, ask].join("\n");
    let results = lines(&run_with(text.as_bytes(), &arguments).await?.out)?;
    assert_eq!((results.len(), &results[1]), (23, &json!({"id": "line 2", "ok": true})));
    assert_eq!(results[21]["error"]["message"], "exactly one judgement is needed");
    let last = &results[22];
    assert_eq!((&results[0]["model"], &last["ok"]), (&json!(liked), &json!(true)));
    assert_ne!(last["model"], results[0]["model"], "{}", last["decision"]["reason"]);
    Ok(())
}

#[tokio::test]
async fn no_more_asks_are_under_way_than_wished() -> Result {
    let model = ModelConfig { decode_tok_per_s: 400.0, output_tokens: Some(8), ..ModelConfig::named("m") };
    let host = host_of(model).await?;
    let asks: Vec<String> = (0..12).map(|id| json!({"id": id, "prompt": "hello"}).to_string()).collect();
    let path = file("twelve.jsonl", &asks.join("\n"))?;
    let ran = run(&["ask", "--host", host.url(), "--jsonl", &path, "--concurrency", "3"]).await?;
    assert_eq!((ran.code, lines(&ran.out)?.len()), (Some(0), 12), "{}", ran.err);
    assert!(host.stats().models.values().all(|model| model.max_in_flight <= 3), "{:?}", host.stats());
    Ok(())
}

#[tokio::test]
async fn a_missing_file_is_wrong_usage_and_an_empty_one_is_done() -> Result {
    let host = host().await?;
    let ran = run(&["ask", "--host", host.url(), "--jsonl", "no-such.jsonl"]).await?;
    assert!(ran.code == Some(2) && ran.err.contains("no-such.jsonl"), "{ran:?}");
    let empty = file("empty.jsonl", "\n\n")?;
    let ran = run(&["ask", "--host", host.url(), "--jsonl", &empty]).await?;
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "", ""));
    Ok(())
}

#[tokio::test]
async fn progress_is_shown_on_a_terminal() -> Result {
    let host = host().await?;
    let path = file("two.jsonl", "{\"prompt\":\"hello\"}\nnot json\n")?;
    let (pty, pts) = pty_process::open()?;
    let child = pty_process::Command::new(env!("CARGO_BIN_EXE_smart-ai"))
        .args(["ask", "--host", host.url(), "--jsonl", &path])
        .stdout(Stdio::null())
        .spawn(pts)?;
    let mut seen = String::new();
    let mut screen = BufReader::new(pty).split(b'\r');
    // The terminal is closed with an error once the program has ended.
    while let Ok(Some(part)) = screen.next_segment().await {
        seen.push_str(&String::from_utf8_lossy(&part));
    }
    assert!(seen.contains("1 of 2 done") && seen.contains("2 of 2 done, 1 failed"), "{seen}");
    assert_eq!(child.wait_with_output().await?.status.code(), Some(1));
    Ok(())
}
