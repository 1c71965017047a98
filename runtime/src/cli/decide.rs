//! `smart-ai decide`: the decision without the call, as JSON or as an engineer's note.

use std::io::{self, Write};

use clap::Args;
use serde_json::Value;
use smart_ai_core::wire::Ask;
use smart_ai_core::{Candidate, Decision};

use super::ask::Wish;
use super::{DONE, FAILED, MISUSED, complain, print_json, prompt_of};
use crate::driver::Engine;

#[derive(Args, Debug)]
pub(super) struct DecideArgs {
    /// The prompt; `-` or nothing reads it from stdin
    prompt: Option<String>,
    #[command(flatten)]
    wish: Wish,
    /// The decision as one JSON line
    #[arg(long)]
    json: bool,
    /// Every term of every candidate, and every signal
    #[arg(long, conflicts_with = "json")]
    explain: bool,
}

pub(super) async fn run(engine: &Engine, arguments: DecideArgs) -> io::Result<u8> {
    let keys = arguments.wish.keys(&prompt_of(arguments.prompt).await?);
    let ask = match Ask::from_value(Value::Object(keys)) {
        Ok(ask) => ask,
        Err(error) => return Ok(complain(&format!("{}; {}", error.message, error.hint), MISUSED)),
    };
    let decision = match engine.decide(&ask).await {
        Ok(decision) => decision,
        Err(error) => return Ok(complain(&format!("{}; {}", error.message, error.hint), MISUSED)),
    };
    if arguments.json {
        print_json(&decision)?;
    } else {
        write_note(&mut io::stdout(), &decision, arguments.explain)?;
    }
    if decision.chosen.is_some() {
        return Ok(DONE);
    }
    let refusal = engine.refusal(&ask, decision).await.ok().flatten();
    Ok(refusal.map_or(FAILED, |error| complain(&format!("{}; {}", error.message, error.hint), FAILED)))
}

fn write_note(out: &mut impl Write, decision: &Decision, every_term: bool) -> io::Result<()> {
    writeln!(out, "{}", decision.reason)?;
    writeln!(
        out,
        "task {}, about {} tokens in and {} out",
        decision.task.as_str(),
        decision.prompt_tokens,
        decision.output_tokens
    )?;
    for note in &decision.notes {
        writeln!(out, "note: {note}")?;
    }
    if every_term {
        for candidate in &decision.candidates {
            write_terms(out, candidate)?;
        }
        for signal in &decision.signals {
            let state = if signal.stale { "stale" } else { "fresh" };
            let age_s = signal.age_ms as f64 / 1e3;
            writeln!(
                out,
                "  signal {} of {}: {:.3}, {age_s:.0} s old, {state}",
                signal.signal.as_str(),
                signal.host,
                signal.value
            )?;
        }
    }
    for dropped in &decision.dropped {
        match &dropped.model {
            Some(model) => writeln!(out, "  dropped {model} on {}: {}", dropped.host, dropped.detail)?,
            None => writeln!(out, "  dropped host {}: {}", dropped.host, dropped.detail)?,
        }
    }
    Ok(())
}

fn write_terms(out: &mut impl Write, candidate: &Candidate) -> io::Result<()> {
    write!(out, "  {} on {}: score {:.2} s =", candidate.model, candidate.host, candidate.score_s)?;
    let mut first = true;
    for (name, seconds) in candidate.terms.named() {
        if seconds.abs() >= 0.005 {
            write!(out, "{} {name} {seconds:.2}", if first { "" } else { " +" })?;
            first = false;
        }
    }
    writeln!(out)
}
