//! An answer that comes as one JSON object: vectors, and `OpenAI`'s and Anthropic's answers that do not stream.

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use smart_ai_core::wire::{ANSWER_MAX, Piece, answer_too_long};
use smart_ai_core::{Failure, FailureKind, Usage};

use super::events::usage_of;
use crate::driver::{Read, Reader};

/// One object.
#[derive(Debug, Default)]
pub(super) struct Whole {
    body: BytesMut,
}

impl Reader for Whole {
    fn push(&mut self, bytes: Bytes) -> Read {
        if self.body.len() + bytes.len() > ANSWER_MAX {
            self.body = BytesMut::new();
            return Read {
                pieces: vec![Piece::Failed { failure: answer_too_long() }],
                forward: Bytes::new(),
            };
        }
        self.body.extend_from_slice(&bytes);
        Read::default()
    }

    fn finish(&mut self) -> Read {
        let body = std::mem::take(&mut self.body).freeze();
        let Ok(Value::Object(map)) = serde_json::from_slice(&body) else {
            let failure = Failure::new(FailureKind::CutOff, "the answer ended before its JSON did");
            return Read { pieces: vec![Piece::Failed { failure }], forward: Bytes::new() };
        };
        let count = |key| map.get(key).and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok());
        let ms = |key| map.get(key).and_then(Value::as_u64).unwrap_or(0) as f64 / 1e6;
        let usage = map.get("usage").map_or_else(
            || Usage {
                prompt_tokens: count("prompt_eval_count").unwrap_or(0),
                output_tokens: count("eval_count").unwrap_or(0),
                load_ms: ms("load_duration"),
                prompt_ms: ms("prompt_eval_duration"),
                output_ms: ms("eval_duration"),
                total_ms: ms("total_duration"),
            },
            usage_of,
        );
        let text = Piece::Text { text: String::new() };
        Read { pieces: vec![text, Piece::Done { usage, reason: String::new() }], forward: body }
    }
}
