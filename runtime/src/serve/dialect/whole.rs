//! An answer that comes as one JSON object: vectors, and `OpenAI`'s and Anthropic's answers that do not stream.

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use smart_ai_core::wire::{ANSWER_MAX, Piece, json_text};
use smart_ai_core::{Failure, FailureKind, Usage};

use super::events::usage_of;
use crate::driver::{Read, Reader};

/// What is read of an answer: Ollama's counters, or those of the others. Not its vectors, which may be many.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Counters {
    usage: Option<Value>,
    prompt_eval_count: u32,
    eval_count: u32,
    load_duration: u64,
    prompt_eval_duration: u64,
    eval_duration: u64,
    total_duration: u64,
}

impl Counters {
    fn usage(&self) -> Usage {
        let ms = |nanoseconds: u64| nanoseconds as f64 / 1e6;
        self.usage.as_ref().map_or_else(
            || Usage {
                prompt_tokens: self.prompt_eval_count,
                output_tokens: self.eval_count,
                load_ms: ms(self.load_duration),
                prompt_ms: ms(self.prompt_eval_duration),
                output_ms: ms(self.eval_duration),
                total_ms: ms(self.total_duration),
            },
            usage_of,
        )
    }
}

/// One object.
#[derive(Debug, Default)]
pub(super) struct Whole {
    body: BytesMut,
    /// Of an answer too large to be held: its last sign so far. What has come is passed on by then.
    passing: Option<u8>,
}

impl Whole {
    fn pass(&mut self, bytes: Bytes) -> Read {
        self.passing = bytes.trim_ascii_end().last().copied().or(self.passing);
        Read { pieces: vec![Piece::Text { text: String::new() }], forward: bytes }
    }
}

impl Reader for Whole {
    fn push(&mut self, bytes: Bytes) -> Read {
        if self.passing.is_some() {
            return self.pass(bytes);
        }
        self.body.extend_from_slice(&bytes);
        if self.body.len() > ANSWER_MAX {
            let held = std::mem::take(&mut self.body).freeze();
            return self.pass(held);
        }
        Read::default()
    }

    fn finish(&mut self) -> Read {
        if self.passing == Some(b'}') {
            let done = Piece::Done { usage: Usage::default(), reason: String::new() };
            return Read { pieces: vec![done], forward: Bytes::new() };
        }
        let body = std::mem::take(&mut self.body).freeze();
        let text = json_text(&body);
        let is_object =
            text.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(&text).is_ok();
        if !is_object {
            let failure = Failure::new(FailureKind::CutOff, "the answer ended before its JSON did");
            return Read { pieces: vec![Piece::Failed { failure }], forward: Bytes::new() };
        }
        let usage = serde_json::from_str::<Counters>(&text).unwrap_or_default().usage();
        drop(text);
        let piece = Piece::Text { text: String::new() };
        Read { pieces: vec![piece, Piece::Done { usage, reason: String::new() }], forward: body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Read {
        let mut whole = Whole::default();
        whole.push(Bytes::copy_from_slice(text.as_bytes()));
        whole.finish()
    }

    fn counted(text: &str) -> Option<(u32, u32)> {
        let read = read(text);
        assert!(read.forward == text.as_bytes() || read.forward.is_empty());
        read.pieces.iter().find_map(|piece| match piece {
            Piece::Done { usage, .. } => Some((usage.prompt_tokens, usage.output_tokens)),
            Piece::Text { .. } | Piece::Thinking { .. } | Piece::ToolCalls { .. } | Piece::Failed { .. } => {
                None
            }
        })
    }

    #[test]
    fn an_object_is_an_answer_whatever_its_counters_hold() {
        assert_eq!(counted(r#"{"embeddings":[[1.0]],"prompt_eval_count":7}"#), Some((7, 0)));
        assert_eq!(counted(r#" {"usage":{"prompt_tokens":3,"completion_tokens":4}}"#), Some((3, 4)));
        assert_eq!(counted(r#"{"usage":null,"prompt_eval_count":"many"}"#), Some((0, 0)));
        assert_eq!(counted(r#"{"choices":[{"message":{"content":"cut \ud83d"}}]}"#), Some((0, 0)));
        for broken in [r#"{"embeddings":[[1.0"#, "[1]", "", "<html>"] {
            assert_eq!(counted(broken), None, "{broken}");
        }
    }

    #[test]
    fn an_answer_too_large_to_be_held_is_passed_on_as_it_comes() {
        for (last, is_whole) in [("]}\n", true), ("]", false)] {
            let mut whole = Whole::default();
            let parts = [vec![b'['; ANSWER_MAX], vec![b'1'], last.as_bytes().to_vec()];
            let reads = parts.map(|part| whole.push(Bytes::from(part)));
            let passed: usize = reads.iter().map(|read| read.forward.len()).sum();
            assert_eq!(passed, ANSWER_MAX + 1 + last.len());
            let end = whole.finish();
            assert!(end.forward.is_empty());
            assert_eq!(matches!(end.pieces.as_slice(), [Piece::Done { .. }]), is_whole);
            assert_eq!(matches!(end.pieces.as_slice(), [Piece::Failed { .. }]), !is_whole);
        }
    }
}
