//! `smart-ai ask`: one prompt, streamed; or one JSON line each.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};
use smart_ai_core::wire::{Answer, Ask};
use tokio::sync::mpsc;

use super::{DONE, FAILED, MISUSED, batch, complain, print_json, prompt_of};
use crate::driver::{AskOptions, Engine, KeptAnswer};
use crate::screen;

#[derive(Args, Debug)]
pub(super) struct AskArgs {
    /// The prompt; `-` or nothing reads it from stdin
    prompt: Option<String>,
    #[command(flatten)]
    wish: Wish,
    /// Instructions before the prompt
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// A JSON schema file the answer must fit
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Many asks, one JSON object a line; `-` reads stdin. A line {"feedback":{"model","task","thumbs"}} judges an answer
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prompt", "system", "schema"])]
    jsonl: Option<PathBuf>,
    /// With --jsonl: asks under way at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1000))]
    concurrency: u16,
    /// The whole result as one JSON line instead of the text
    #[arg(long)]
    json: bool,
    /// Say on stderr which model answered and why
    #[arg(long)]
    explain: bool,
}

/// What may be wished of any ask.
#[derive(Args, Debug)]
pub(super) struct Wish {
    /// auto, general, summarize, analyze, extract, classify, code, chat, vision or embed
    #[arg(long, default_value = "auto")]
    task: String,
    /// fast, balanced or best
    #[arg(long, default_value = "balanced")]
    mode: String,
    /// Only this model
    #[arg(long)]
    model: Option<String>,
    /// Only this host
    #[arg(long, value_name = "NAME")]
    on: Option<String>,
    /// Seconds until the answer is worthless
    #[arg(long, value_name = "SECONDS")]
    deadline: Option<f64>,
    /// Cap on the answer's tokens
    #[arg(long, value_name = "N")]
    max_tokens: Option<u32>,
    /// Similar asks share a shape; their history predicts this one's length
    #[arg(long, value_name = "KEY")]
    shape: Option<String>,
}

impl Wish {
    /// The ask's keys.
    pub(super) fn keys(&self, prompt: &str) -> Map<String, Value> {
        let deadline_ms = self.deadline.map(|seconds| (seconds * 1e3).round().max(0.0) as u64);
        let pairs = [
            ("prompt", Some(json!(prompt))),
            ("task", Some(json!(self.task))),
            ("mode", Some(json!(self.mode))),
            ("model", self.model.as_ref().map(|model| json!(model))),
            ("host", self.on.as_ref().map(|host| json!(host))),
            ("deadline_ms", deadline_ms.map(|deadline| json!(deadline))),
            ("max_tokens", self.max_tokens.map(|tokens| json!(tokens))),
            ("shape", self.shape.as_ref().map(|shape| json!(shape))),
        ];
        pairs.into_iter().filter_map(|(key, value)| value.map(|value| (key.to_owned(), value))).collect()
    }
}

pub(super) async fn run(engine: &Engine, arguments: AskArgs) -> io::Result<u8> {
    let concurrency = usize::from(arguments.concurrency);
    match &arguments.jsonl {
        Some(path) if path.as_os_str() == "-" => {
            batch::answer_lines(engine, concurrency, tokio::io::stdin(), None).await
        }
        Some(path) => match tokio::fs::read(path).await {
            Ok(text) => {
                let total = batch::count(&text);
                batch::answer_lines(engine, concurrency, text.as_slice(), Some(total)).await
            }
            Err(error) => Ok(complain(&format!("{}: {error}", path.display()), MISUSED)),
        },
        None => one(engine, arguments).await,
    }
}

async fn one(engine: &Engine, arguments: AskArgs) -> io::Result<u8> {
    let mut keys = arguments.wish.keys(&prompt_of(arguments.prompt).await?);
    if let Some(system) = arguments.system {
        keys.insert("system".to_owned(), json!(system));
    }
    if let Some(path) = arguments.schema {
        let text = tokio::fs::read_to_string(&path).await;
        match text.map_err(|error| error.to_string()).and_then(|text| parse(&text)) {
            Ok(schema) => keys.insert("schema".to_owned(), schema),
            Err(error) => return Ok(complain(&format!("{}: {error}", path.display()), MISUSED)),
        };
    }
    let ask = match Ask::from_value(Value::Object(keys)) {
        Ok(ask) => ask,
        Err(error) => return Ok(complain(&format!("{}; {}", error.message, error.hint), MISUSED)),
    };
    if let Err(error) = ask.request() {
        complain(&format!("{}; {}", error.message, error.hint), MISUSED);
        if arguments.json {
            print_json(&Answer::refused(ask.id, error))?;
        }
        return Ok(MISUSED);
    }
    let kept = if arguments.json {
        let kept = engine.ask_kept(ask, AskOptions::default()).await;
        print_json(&kept)?;
        kept
    } else {
        streamed(engine, ask).await?
    };
    let KeptAnswer { answer, job } = kept;
    if let Some(embeddings) = answer.embeddings.as_ref().filter(|_| !arguments.json) {
        print_json(embeddings)?;
    }
    report(&answer, job.as_deref(), arguments.explain, arguments.json)
}

fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Prints the answer as it comes. A reader that goes away cancels the ask.
async fn streamed(engine: &Engine, ask: Ask) -> io::Result<KeptAnswer> {
    let (pieces, mut coming) = mpsc::unbounded_channel::<String>();
    let answer = async { Ok(engine.ask_kept(ask, AskOptions { pieces: Some(pieces) }).await) };
    let print = async {
        let mut any = false;
        while let Some(piece) = coming.recv().await {
            let mut out = screen::out();
            out.write_all(piece.as_bytes())?;
            out.flush()?;
            any = true;
        }
        if any { writeln!(io::stdout()) } else { Ok(()) }
    };
    tokio::try_join!(answer, print).map(|(answer, ())| answer)
}

fn report(answer: &Answer, job: Option<&str>, explain: bool, json: bool) -> io::Result<u8> {
    let mut out = screen::err();
    if let Some(decision) = answer.decision.as_ref().filter(|_| explain) {
        writeln!(out, "{}", decision.reason)?;
        for note in &decision.notes {
            writeln!(out, "{note}")?;
        }
        writeln!(out, "predicted {:.1} s, took {:.1} s", answer.predicted_ms / 1e3, answer.ms.total / 1e3)?;
        if let Some(job) = job {
            writeln!(out, "the history calls it {job}: smart-ai rate {job} up, or down")?;
        }
    }
    let Some(error) = &answer.error else { return Ok(DONE) };
    if !json {
        writeln!(out, "smart-ai: {}\n  {}", error.message, error.hint)?;
    }
    Ok(FAILED)
}
