//! The stream of `/api/chat` and `/api/generate`: bytes in, pieces out.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::Object;

use super::json;
use super::status::failure_of_line;
use super::surrogates::json_text;
use crate::event::Usage;
use crate::failure::{Failure, FailureKind};

/// Bytes an answer may have that is held until it is whole.
pub const ANSWER_MAX: usize = 64 << 20;
/// Bytes one line may take.
const LINE_MAX: usize = 16 << 20;
/// A last line without a line end is tried at once up to this size; a longer one waits for its line end.
const EAGER_MAX: usize = 64 << 10;

/// One piece of an answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Piece {
    /// More text.
    Text {
        /// The text.
        text: String,
    },
    /// More of the model's thinking.
    Thinking {
        /// The text.
        text: String,
    },
    /// Tools the model wants called.
    ToolCalls {
        /// As Ollama sends them.
        #[cfg_attr(feature = "typescript", ts(type = "Array<Record<string, unknown>>"))]
        calls: Value,
    },
    /// The final line.
    Done {
        /// The server's counters.
        usage: Usage,
        /// `stop`, `length`, `load`, `unload`, or empty.
        reason: String,
    },
    /// The answer broke off.
    Failed {
        /// Why.
        failure: Failure,
    },
}

/// Cuts a stream into pieces. After `Done` or `Failed` it gives nothing more.
#[derive(Clone, Debug)]
pub struct AnswerReader {
    buffer: Vec<u8>,
    ended: bool,
    /// Bytes that came so far, if the whole is bounded.
    held: Option<usize>,
}

impl Default for AnswerReader {
    fn default() -> Self {
        Self::new()
    }
}

impl AnswerReader {
    /// A reader at the start of a stream that is held until it is whole: 64 MiB at most.
    pub fn new() -> Self {
        Self { buffer: Vec::new(), ended: false, held: Some(0) }
    }

    /// A reader of a stream of any length, whose text is not kept.
    pub fn passing() -> Self {
        Self { held: None, ..Self::new() }
    }

    /// Takes what came, of any length and cut anywhere.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if let Some(length) = &mut self.held {
            *length = length.saturating_add(bytes.len());
            if *length > ANSWER_MAX && !self.ended {
                self.fail(answer_too_long(), &mut pieces);
                return pieces;
            }
        }
        let mut parts = bytes.split(|byte| *byte == b'\n');
        let tail = parts.next_back().unwrap_or_default();
        for part in parts {
            self.hold(part, &mut pieces);
            self.take_line(&mut pieces);
        }
        self.hold(tail, &mut pieces);
        if self.buffer.len() <= EAGER_MAX
            && self.buffer.trim_ascii_end().ends_with(b"}")
            && let Some(Value::Object(map)) = read(&self.buffer)
        {
            self.buffer.clear();
            self.take_object(&map, &mut pieces);
        }
        pieces
    }

    /// The stream ended: what is missing, if anything.
    pub fn finish(&mut self) -> Option<Piece> {
        self.end().pop()
    }

    /// The stream ended: what a last line without a line end still brings, and what is missing.
    pub(super) fn end(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if self.buffer.trim_ascii_start().first().is_some_and(|byte| *byte != b'{')
            || self.buffer.len() > EAGER_MAX
        {
            self.take_line(&mut pieces);
        }
        if !self.ended {
            self.fail(
                Failure::new(FailureKind::CutOff, "the stream ended without its final line"),
                &mut pieces,
            );
        }
        pieces
    }

    fn hold(&mut self, part: &[u8], pieces: &mut Vec<Piece>) {
        if self.ended {
            return;
        }
        if self.buffer.len() + part.len() > LINE_MAX {
            let failure =
                Failure::new(FailureKind::BadProtocol, "a line of the stream is longer than 16 MiB");
            return self.fail(failure, pieces);
        }
        self.buffer.extend_from_slice(part);
    }

    fn take_line(&mut self, pieces: &mut Vec<Piece>) {
        let line = std::mem::take(&mut self.buffer);
        if self.ended || line.trim_ascii().is_empty() {
            return;
        }
        match read(&line) {
            Some(Value::Object(map)) => self.take_object(&map, pieces),
            _ => self.fail(not_a_line(&line), pieces),
        }
    }

    fn take_object(&mut self, map: &Object, pieces: &mut Vec<Piece>) {
        if self.ended {
            return;
        }
        if let Some(error) = map.get("error") {
            return self.fail(failure_of_line(error), pieces);
        }
        let message = map.get("message").and_then(Value::as_object);
        let done = map.get("done").and_then(Value::as_bool);
        let response = map.get("response").and_then(Value::as_str);
        if message.is_none() && response.is_none() && done.is_none() {
            let detail = "a line is JSON, but not Ollama's; check the URL and its port";
            return self.fail(Failure::new(FailureKind::BadProtocol, detail), pieces);
        }
        let part = message.unwrap_or(map);
        if let Some(text) = json::text(part, "thinking") {
            pieces.push(Piece::Thinking { text: text.to_owned() });
        }
        if let Some(text) = response.filter(|text| !text.is_empty()).or_else(|| json::text(part, "content")) {
            pieces.push(Piece::Text { text: text.to_owned() });
        }
        if let Some(calls @ Value::Array(list)) = part.get("tool_calls")
            && !list.is_empty()
        {
            pieces.push(Piece::ToolCalls { calls: calls.clone() });
        }
        if done == Some(true) {
            self.ended = true;
            let reason = json::text(map, "done_reason").unwrap_or_default().to_owned();
            pieces.push(Piece::Done { usage: usage_of(map), reason });
        }
    }

    fn fail(&mut self, failure: Failure, pieces: &mut Vec<Piece>) {
        self.ended = true;
        self.buffer = Vec::new();
        pieces.push(Piece::Failed { failure });
    }
}

/// The failure of an answer longer than [`ANSWER_MAX`].
pub fn answer_too_long() -> Failure {
    Failure::new(FailureKind::AnswerTooLong, format!("the answer is longer than {} MiB", ANSWER_MAX >> 20))
}

fn read(line: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(line).ok()?;
    serde_json::from_str(&json_text(text.as_bytes())).ok()
}

fn not_a_line(line: &[u8]) -> Failure {
    let found = json::found(line);
    let found = if found == "other JSON" { "a broken line" } else { found };
    Failure::new(FailureKind::BadProtocol, format!("expected a line of Ollama's stream, got {found}"))
}

/// The counters of a final line or an embedding answer; those left out are zero.
pub(super) fn usage_of(map: &Object) -> Usage {
    let count = |key| json::small(map.get(key)).unwrap_or(0);
    let ms = |key| json::whole(map.get(key)).unwrap_or(0) as f64 / 1e6;
    Usage {
        prompt_tokens: count("prompt_eval_count"),
        output_tokens: count("eval_count"),
        load_ms: ms("load_duration"),
        prompt_ms: ms("prompt_eval_duration"),
        output_ms: ms("eval_duration"),
        total_ms: ms("total_duration"),
    }
}
