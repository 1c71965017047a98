//! What the engine adds to a call: the same chat, bare and by `Engine::ask`, in turns on one warm host.
//! `node bench/run.mjs latency` starts the host; `cargo bench -p smart-ai --bench latency -- URL CONTEXT_TOKENS ROUNDS`.
//! Prints `{"bare_ms": […], "ask_ms": […]}`.

use std::error::Error;
use std::io::Write;
use std::time::Instant;

use serde_json::json;
use smart_ai::{Ask, AskOptions, Engine, FleetConfig};

const PROMPT: &str = "Say hello";

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [url, context_tokens, rounds] = arguments.as_slice() else {
        return Ok(writeln!(
            std::io::stderr(),
            "skipped: needs a warm host; node bench/run.mjs latency gives one"
        )?);
    };
    let body = json!({
        "model": "m:latest",
        "messages": [{"role": "user", "content": PROMPT}],
        "stream": true,
        "truncate": false,
        "options": {"num_ctx": context_tokens.parse::<u32>()?},
    })
    .to_string();
    let (mut bare_ms, mut ask_ms) = (Vec::new(), Vec::new());
    let config = json!({"hosts": [{"url": url}], "models": []}).to_string();
    let engine = Engine::start(&FleetConfig::from_json(&config)?)?;
    let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?;
    let warm = 50;
    for round in 0..warm + rounds.parse::<usize>()? {
        let began = Instant::now();
        let chat = client.post(format!("{url}/api/chat")).header("content-type", "application/json");
        let text = chat.body(body.clone()).send().await?.error_for_status()?.text().await?;
        let bare = began.elapsed();
        if !text.contains("\"done\":true") {
            return Err(text.into());
        }
        let began = Instant::now();
        let ask = Ask { prompt: Some(PROMPT.to_owned()), ..Ask::default() };
        let answer = engine.ask(ask, AskOptions::default()).await;
        let asked = began.elapsed();
        if let Some(error) = answer.error {
            return Err(error.message.into());
        }
        if round >= warm {
            bare_ms.push(bare.as_secs_f64() * 1e3);
            ask_ms.push(asked.as_secs_f64() * 1e3);
        }
    }
    Ok(writeln!(std::io::stdout(), "{}", json!({"bare_ms": bare_ms, "ask_ms": ask_ms}))?)
}
