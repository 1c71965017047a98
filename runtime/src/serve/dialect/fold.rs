//! Ollama's stream, handed out as the one object that `"stream": false` asks for.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use smart_ai_core::wire::{AnswerReader, Piece, json_text};

use crate::driver::{Read, Reader};

/// Texts and lists that come in parts.
const PARTS: [&str; 5] = ["content", "thinking", "response", "tool_calls", "logprobs"];

/// Lines of JSON, added up.
#[derive(Debug)]
pub(super) struct Fold {
    answer: AnswerReader,
    line: Vec<u8>,
    whole: Map<String, Value>,
}

impl Reader for Fold {
    fn push(&mut self, bytes: Bytes) -> Read {
        let pieces = self.answer.push(&bytes);
        let mut parts = bytes.split(|byte| *byte == b'\n');
        let tail = parts.next_back().unwrap_or_default();
        for part in parts {
            self.line.extend_from_slice(part);
            self.take_line();
        }
        self.line.extend_from_slice(tail);
        if pieces.iter().any(|piece| matches!(piece, Piece::Failed { .. })) {
            self.take_line();
            return Read { pieces, forward: self.error() };
        }
        Read { pieces, forward: Bytes::new() }
    }

    fn finish(&mut self) -> Read {
        self.take_line();
        let failed: Vec<Piece> = self.answer.finish().into_iter().collect();
        if !failed.is_empty() || self.whole.is_empty() {
            return Read { pieces: failed, forward: self.error() };
        }
        let whole = Value::Object(std::mem::take(&mut self.whole));
        Read { pieces: Vec::new(), forward: whole.to_string().into() }
    }
}

impl Fold {
    pub(super) fn new() -> Self {
        Self { answer: AnswerReader::new(), line: Vec::new(), whole: Map::new() }
    }

    /// What the host said in place of the rest: the object that it answers with where it is not asked to stream.
    fn error(&mut self) -> Bytes {
        error_of(&mut std::mem::take(&mut self.whole)).unwrap_or_default()
    }

    fn take_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if let Ok(Value::Object(line)) = serde_json::from_str(&json_text(&line)) {
            add(&mut self.whole, line);
        }
    }
}

/// The error among what was added up, as an object of its own.
pub(super) fn error_of(whole: &mut Map<String, Value>) -> Option<Bytes> {
    let error = whole.remove("error").filter(|error| !error.is_null())?;
    Some(json!({ "error": error }).to_string().into())
}

/// A later line's values replace those before it, except parts, which are joined.
fn add(whole: &mut Map<String, Value>, line: Map<String, Value>) {
    for (key, value) in line {
        match (whole.get_mut(&key), value) {
            (Some(Value::Object(old)), Value::Object(new)) if key == "message" => add(old, new),
            (Some(Value::String(old)), Value::String(new)) if PARTS.contains(&key.as_str()) => {
                old.push_str(&new);
            }
            (Some(Value::Array(old)), Value::Array(new)) if PARTS.contains(&key.as_str()) => old.extend(new),
            (_, value) => drop(whole.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_adds_up_to_the_object_ollama_would_have_sent() {
        let stream = concat!(
            r#"{"model":"m","message":{"role":"assistant","content":"Hel"},"done":false}"#,
            "\n",
            r#"{"model":"m","message":{"role":"assistant","content":"lo","tool_calls":[{"function":{"name":"f"}}]},"done":false}"#,
            "\n",
            r#"{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","eval_count":2}"#,
            "\n"
        );
        for cut in 1..stream.len() {
            let mut fold = Fold::new();
            let (left, right) = stream.as_bytes().split_at(cut);
            let mut pieces = fold.push(Bytes::copy_from_slice(left)).pieces;
            pieces.extend(fold.push(Bytes::copy_from_slice(right)).pieces);
            assert!(matches!(pieces.last(), Some(Piece::Done { usage, .. }) if usage.output_tokens == 2));
            let whole: Value = serde_json::from_slice(&fold.finish().forward).unwrap_or_default();
            let expected = serde_json::json!({
                "model": "m", "done": true, "done_reason": "stop", "eval_count": 2,
                "message": { "role": "assistant", "content": "Hello", "tool_calls": [{ "function": { "name": "f" } }] },
            });
            assert_eq!(whole, expected, "cut at {cut}");
        }
    }

    #[test]
    fn an_error_among_the_lines_is_the_object_wherever_it_is_cut() {
        let line = r#"{"error":"error parsing tool call: raw='{\"a\":'"}"#;
        for stream in [format!("{{\"response\":\"Hel\",\"done\":false}}\n{line}\n"), line.to_owned()] {
            for cut in 1..stream.len() {
                let mut fold = Fold::new();
                let (left, right) = stream.as_bytes().split_at(cut);
                let pushed = [left, right].map(|part| fold.push(Bytes::copy_from_slice(part)));
                let reads = pushed.into_iter().chain([fold.finish()]);
                let told: Vec<u8> = reads.flat_map(|read| read.forward).collect();
                assert_eq!(String::from_utf8_lossy(&told), line, "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_stream_that_breaks_off_gives_no_object() {
        let mut fold = Fold::new();
        fold.push(Bytes::from_static(b"{\"response\":\"Hel\",\"done\":false}\n"));
        let read = fold.finish();
        assert!(read.forward.is_empty());
        assert!(matches!(read.pieces.as_slice(), [Piece::Failed { .. }]));
    }
}
