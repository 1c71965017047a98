//! `smart-ai decide`: the decision without the call, as JSON or as an engineer's note.

use std::io::{self, Write};

use clap::Args;
use serde_json::Value;
use smart_ai_core::wire::Ask;
use smart_ai_core::{Candidate, Decision, Dropped, ModelName, SignalAge};

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
        write_note(&mut crate::screen::out(), &decision, arguments.explain)?;
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
        write_signals(out, &decision.signals)?;
    }
    write_dropped(out, &decision.dropped)
}

fn write_terms(out: &mut impl Write, candidate: &Candidate) -> io::Result<()> {
    let parts = candidate.terms.named().into_iter().filter(|(_, seconds)| seconds.abs() >= 0.005);
    let parts: Vec<String> = parts.map(|(name, seconds)| format!("{name} {seconds:.2}")).collect();
    let sum = if parts.is_empty() { String::new() } else { format!(" = {}", parts.join(" + ")) };
    writeln!(out, "  {} on {}: score {:.2} s{sum}", candidate.model, candidate.host, candidate.score_s)
}

/// One line a host.
fn write_signals(out: &mut impl Write, signals: &[SignalAge]) -> io::Result<()> {
    for of_host in signals.chunk_by(|left, right| left.host == right.host) {
        let said = of_host.iter().map(|signal| {
            let age_s = signal.age_ms / 1_000;
            let stale = if signal.stale { ", stale: not used" } else { "" };
            format!("{} {:.3} ({age_s} s old{stale})", signal.signal.as_str(), signal.value)
        });
        let said: Vec<String> = said.collect();
        if let Some(first) = of_host.first() {
            writeln!(out, "  signals of {}: {}", first.host, said.join(", "))?;
        }
    }
    Ok(())
}

/// Arms of a host that were left out for the same cause share a line.
fn write_dropped(out: &mut impl Write, dropped: &[Dropped]) -> io::Result<()> {
    for alike in dropped.chunk_by(|left, right| left.host == right.host && left.detail == right.detail) {
        let models: Vec<&str> =
            alike.iter().filter_map(|one| one.model.as_ref()).map(ModelName::as_str).collect();
        match alike.first() {
            Some(Dropped { host, detail, .. }) if models.is_empty() => {
                writeln!(out, "  dropped host {host}: {detail}")?;
            }
            Some(Dropped { host, detail, .. }) => {
                writeln!(out, "  dropped {} on {host}: {detail}", models.join(", "))?;
            }
            None => {}
        }
    }
    Ok(())
}
