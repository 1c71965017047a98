//! Many asks, one JSON object a line: each result is written as it ends.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use serde_json::{Value, json};
use smart_ai_core::wire::{Answer, Ask, json_text};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::task::JoinSet;

use super::{DONE, FAILED, print_json};
use crate::driver::{AskOptions, Engine, KeptAnswer};

/// Lines that hold something.
pub(super) fn count(text: &[u8]) -> usize {
    text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count()
}

/// Reads a line as soon as there is room for its ask. A line that is no ask is a failed result; the others go on.
pub(super) async fn answer_lines(
    engine: &Engine,
    concurrency: usize,
    input: impl AsyncRead + Unpin,
    total: Option<usize>,
) -> io::Result<u8> {
    let mut lines = BufReader::new(input).split(b'\n');
    let mut underway = JoinSet::new();
    let mut tally = Tally { total, ..Tally::default() };
    let (mut number, mut reading) = (0_u64, true);
    while reading || !underway.is_empty() {
        tokio::select! {
            line = lines.next_segment(), if reading && underway.len() < concurrency => {
                let Some(line) = line? else {
                    reading = false;
                    continue;
                };
                number += 1;
                if !line.trim_ascii().is_empty() {
                    let engine = engine.clone();
                    underway.spawn(async move { answer_line(&engine, number, &line).await });
                }
            }
            Some(ended) = underway.join_next() => {
                let result = ended.map_err(io::Error::other)?;
                print_json(&result)?;
                tally.count(result.ok())?;
            }
        }
    }
    tally.end()?;
    Ok(if tally.failed == 0 { DONE } else { FAILED })
}

/// What a line led to.
#[derive(Serialize)]
#[serde(untagged)]
enum LineResult {
    Answer(Box<KeptAnswer>),
    /// A judgement was taken in.
    Rated {
        id: Value,
        ok: bool,
    },
}

impl LineResult {
    fn ok(&self) -> bool {
        match self {
            Self::Answer(result) => result.answer.ok,
            Self::Rated { ok, .. } => *ok,
        }
    }
}

/// A line without an id is called by its number. `{"feedback": …}` judges an answer instead of asking.
async fn answer_line(engine: &Engine, number: u64, line: &[u8]) -> LineResult {
    let name = json!(format!("line {number}"));
    let text = json_text(line);
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    if let Some(feedback) = value.get("feedback") {
        return match engine.feedback(feedback.clone()) {
            Ok(()) => LineResult::Rated { id: name, ok: true },
            Err(error) => LineResult::Answer(Box::new(Answer::refused(name, error).into())),
        };
    }
    let answer = match Ask::from_json(&text) {
        Ok(mut ask) => {
            if ask.id.is_null() {
                ask.id = name;
            }
            engine.ask_kept(ask, AskOptions::default()).await
        }
        Err(error) => Answer::refused(name, error).into(),
    };
    LineResult::Answer(Box::new(answer))
}

/// What has ended so far, kept in sight on a terminal.
#[derive(Default)]
struct Tally {
    total: Option<usize>,
    done: usize,
    failed: usize,
}

impl Tally {
    fn count(&mut self, ok: bool) -> io::Result<()> {
        self.done += 1;
        self.failed += usize::from(!ok);
        let mut out = io::stderr();
        if !out.is_terminal() {
            return Ok(());
        }
        let of = self.total.map(|total| format!(" of {total}")).unwrap_or_default();
        write!(out, "\r{}{of} done, {} failed", self.done, self.failed)?;
        out.flush()
    }

    fn end(&self) -> io::Result<()> {
        if self.done > 0 && io::stderr().is_terminal() { writeln!(io::stderr()) } else { Ok(()) }
    }
}
