//! Callers that leave: an interrupt, a reader that goes away.

use std::process::Stdio;
use std::time::{Duration, Instant};

use smart_ai_sim::{Config, FakeOllama, ModelConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::program::{Result, program, run, slow_host};

/// Long enough for a busy machine; what it bounds takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

async fn interrupt(child: &Child) -> Result {
    signal(child, "-INT").await
}

async fn signal(child: &Child, signal: &str) -> Result {
    let pid = child.id().ok_or("it has ended")?.to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().await?.success());
    Ok(())
}

async fn code(child: &mut Child) -> Result<Option<i32>> {
    Ok(tokio::time::timeout(PATIENCE, child.wait()).await??.code())
}

/// Until the host works for nobody.
async fn idle(host: &FakeOllama) -> Result {
    let since = Instant::now();
    while host.stats().in_flight > 0 {
        assert!(since.elapsed() < PATIENCE, "{:?}", host.stats());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

#[tokio::test]
async fn an_interrupt_ends_the_answer_at_its_source() -> Result {
    let host = slow_host().await?;
    let mut child = program(&["ask", "--host", host.url(), "a long story"]).stdout(Stdio::piped()).spawn()?;
    let mut out = child.stdout.take().ok_or("no stdout")?;
    assert!(out.read_u8().await.is_ok(), "no first byte");
    interrupt(&child).await?;
    assert_eq!(code(&mut child).await?, Some(130));
    idle(&host).await?;
    assert_eq!((host.stats().aborted, host.stats().completed), (1, 0));
    Ok(())
}

#[tokio::test]
async fn a_load_too_long_for_the_deadline_is_finished_before_the_program_ends() -> Result {
    let model = ModelConfig { load_s: Some(2.0), ..ModelConfig::named("m") };
    let host = FakeOllama::start(Config { models: vec![model], ..Config::default() }).await?;
    let ran = run(&["ask", "--host", host.url(), "--deadline", "0.5", "a story"]).await?;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("m:latest on") && ran.err.contains("is still loading"), "{ran:?}");
    let models = run(&["models", "--host", host.url(), "--json"]).await?.json()?;
    assert_eq!(models[0]["models"][0]["resident"], true, "{models}");
    Ok(())
}

#[tokio::test]
async fn an_interrupt_ends_a_batch_and_a_wait_for_stdin() -> Result {
    let host = slow_host().await?;
    let arguments = ["ask", "--host", host.url(), "--jsonl", "-", "--concurrency", "2"];
    let mut child = program(&arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let mut input = child.stdin.take().ok_or("no stdin")?;
    input.write_all(b"{\"prompt\":\"a story\"}\n{\"prompt\":\"another\"}\n").await?;
    let since = Instant::now();
    while host.stats().in_flight == 0 {
        assert!(since.elapsed() < PATIENCE, "nothing was called");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    interrupt(&child).await?;
    assert_eq!(code(&mut child).await?, Some(130), "stdin is still open");
    idle(&host).await?;
    drop(input);
    Ok(())
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_answer_at_its_source() -> Result {
    let host = slow_host().await?;
    let mut child = program(&["ask", "--host", host.url(), "a long story"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut out = child.stdout.take().ok_or("no stdout")?;
    assert!(out.read_u8().await.is_ok(), "no first byte");
    drop(out);
    assert_eq!(code(&mut child).await?, Some(0));
    let mut said = String::new();
    child.stderr.take().ok_or("no stderr")?.read_to_string(&mut said).await?;
    assert_eq!(said, "");
    idle(&host).await?;
    assert_eq!(host.stats().completed, 0);
    Ok(())
}

#[tokio::test]
async fn a_request_to_end_lets_answers_under_way_finish_and_waits_for_no_input() -> Result {
    let host = slow_host().await?;
    let arguments = ["ask", "--host", host.url(), "--jsonl", "-", "--concurrency", "2"];
    let mut child = program(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (input, out) = (child.stdin.take(), child.stdout.take());
    let (mut input, mut out) = (input.ok_or("no stdin")?, out.ok_or("no stdout")?);
    input.write_all(b"{\"id\":1,\"prompt\":\"a story\",\"max_tokens\":20}\n").await?;
    let since = Instant::now();
    while host.stats().in_flight == 0 {
        assert!(since.elapsed() < PATIENCE, "nothing was called");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    signal(&child, "-TERM").await?;
    assert_eq!(code(&mut child).await?, Some(143));
    let mut text = String::new();
    out.read_to_string(&mut text).await?;
    assert!(text.lines().count() == 1 && text.contains("\"ok\":true"), "{text}");
    assert_eq!((host.stats().aborted, host.stats().completed), (0, 1));
    Ok(())
}
