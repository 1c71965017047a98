//! Server-sent events: `OpenAI`'s and Anthropic's streams, passed through event by event.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::Value;
use smart_ai_core::wire::Piece;
use smart_ai_core::{Failure, FailureKind, Usage};

use crate::driver::{Read, Reader};

/// Bytes one event may take.
const EVENT_MAX: usize = 16 << 20;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Words {
    OpenAi,
    Anthropic,
}

/// A stream of events.
#[derive(Debug)]
pub(super) struct Events {
    words: Words,
    /// The client did not ask for the count of tokens: it does not get it.
    hide_counts: bool,
    event: BytesMut,
    usage: Usage,
    done: bool,
}

impl Events {
    pub(super) fn openai(hide_counts: bool) -> Self {
        Self::new(Words::OpenAi, hide_counts)
    }

    pub(super) fn anthropic() -> Self {
        Self::new(Words::Anthropic, false)
    }

    fn new(words: Words, hide_counts: bool) -> Self {
        Self { words, hide_counts, event: BytesMut::new(), usage: Usage::default(), done: false }
    }

    /// What one event says; `false` where the client is not to see it.
    fn take(&mut self, event: &[u8], pieces: &mut Vec<Piece>) -> bool {
        let data = event.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"data:"));
        let Some(data) = data.map(<[u8]>::trim_ascii) else { return true };
        if data == b"[DONE]" {
            self.end(pieces);
            return true;
        }
        let Ok(value) = serde_json::from_slice::<Value>(data) else { return true };
        if let Some(error) = value.get("error").filter(|error| !error.is_null()) {
            let words = error.get("message").and_then(Value::as_str).unwrap_or("an error within the stream");
            pieces.push(Piece::Failed { failure: Failure::new(FailureKind::ServerError, words) });
            return true;
        }
        match self.words {
            Words::OpenAi => self.take_openai(&value, pieces),
            Words::Anthropic => {
                self.take_anthropic(&value, pieces);
                true
            }
        }
    }

    fn take_openai(&mut self, value: &Value, pieces: &mut Vec<Piece>) -> bool {
        let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
        let usage = value.get("usage").or_else(|| value.get("response")?.get("usage"));
        if let Some(usage) = usage.filter(|usage| usage.is_object()) {
            self.usage = usage_of(usage);
        }
        if kind.rsplit('.').next() == Some("delta") {
            pieces.push(text());
        } else if kind == "response.completed" {
            self.end(pieces);
        }
        let choices = value.get("choices").and_then(Value::as_array);
        let tells = |choice: &Value| {
            let delta = choice.get("delta").unwrap_or(choice);
            ["content", "text", "reasoning", "reasoning_content"]
                .iter()
                .any(|key| delta.get(*key).and_then(Value::as_str).is_some_and(|part| !part.is_empty()))
                || delta.get("tool_calls").is_some()
        };
        if choices.is_some_and(|choices| choices.iter().any(tells)) {
            pieces.push(text());
        }
        !(self.hide_counts && choices.is_some_and(Vec::is_empty) && usage.is_some())
    }

    fn take_anthropic(&mut self, value: &Value, pieces: &mut Vec<Piece>) {
        let usage = value.get("usage").or_else(|| value.get("message")?.get("usage"));
        if let Some(usage) = usage {
            let seen = usage_of(usage);
            self.usage.prompt_tokens = self.usage.prompt_tokens.max(seen.prompt_tokens);
            self.usage.output_tokens = self.usage.output_tokens.max(seen.output_tokens);
        }
        match value.get("type").and_then(Value::as_str) {
            Some("content_block_delta") => pieces.push(text()),
            Some("message_stop") => self.end(pieces),
            _ => {}
        }
    }

    fn end(&mut self, pieces: &mut Vec<Piece>) {
        if !self.done {
            self.done = true;
            pieces.push(Piece::Done { usage: self.usage, reason: String::new() });
        }
    }
}

impl Reader for Events {
    fn push(&mut self, bytes: Bytes) -> Read {
        let (mut pieces, mut forward) = (Vec::new(), BytesMut::new());
        self.event.extend_from_slice(&bytes);
        while let Some(end) = event_end(&self.event) {
            let event = self.event.split_to(end);
            if self.take(&event, &mut pieces) {
                forward.put(event);
            }
        }
        if self.event.len() > EVENT_MAX {
            let failure =
                Failure::new(FailureKind::BadProtocol, "an event of the stream is longer than 16 MiB");
            pieces.push(Piece::Failed { failure });
        }
        Read { pieces, forward: forward.freeze() }
    }

    fn finish(&mut self) -> Read {
        let mut pieces = Vec::new();
        let rest = std::mem::take(&mut self.event);
        let shown = rest.is_empty() || self.take(&rest, &mut pieces);
        if !self.done && !pieces.iter().any(|piece| matches!(piece, Piece::Failed { .. })) {
            let failure = Failure::new(FailureKind::CutOff, "the stream ended without its final event");
            pieces.push(Piece::Failed { failure });
        }
        Read { pieces, forward: if shown { rest.freeze() } else { Bytes::new() } }
    }
}

fn text() -> Piece {
    Piece::Text { text: String::new() }
}

/// Past the empty line that ends an event.
fn event_end(bytes: &[u8]) -> Option<usize> {
    let at = |pattern: &[u8]| {
        bytes.windows(pattern.len()).position(|window| window == pattern).map(|start| start + pattern.len())
    };
    [at(b"\n\n"), at(b"\r\n\r\n")].into_iter().flatten().min()
}

/// Tokens by `OpenAI`'s or Anthropic's words.
pub(super) fn usage_of(usage: &Value) -> Usage {
    let count = |keys: [&str; 2]| {
        let found = keys.iter().find_map(|key| usage.get(*key)).and_then(Value::as_u64);
        found.and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
    };
    Usage {
        prompt_tokens: count(["prompt_tokens", "input_tokens"]),
        output_tokens: count(["completion_tokens", "output_tokens"]),
        ..Usage::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENAI: &str = concat!(
        "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":1}}\n\n",
        "data: [DONE]\n\n"
    );

    fn through(mut events: Events, stream: &str, cut: usize) -> (Vec<Piece>, String) {
        let (left, right) = stream.as_bytes().split_at(cut);
        let mut reads =
            vec![events.push(Bytes::copy_from_slice(left)), events.push(Bytes::copy_from_slice(right))];
        reads.push(events.finish());
        let forward: Vec<u8> = reads.iter().flat_map(|read| read.forward.to_vec()).collect();
        let pieces = reads.into_iter().flat_map(|read| read.pieces).collect();
        (pieces, String::from_utf8_lossy(&forward).into_owned())
    }

    fn counted(pieces: &[Piece]) -> Vec<(u32, u32)> {
        let done = |piece: &Piece| match piece {
            Piece::Done { usage, .. } => Some((usage.prompt_tokens, usage.output_tokens)),
            Piece::Text { .. } | Piece::Thinking { .. } | Piece::ToolCalls { .. } | Piece::Failed { .. } => {
                None
            }
        };
        pieces.iter().filter_map(done).collect()
    }

    #[test]
    fn counts_are_read_wherever_the_stream_is_cut_and_shown_only_to_who_asked() {
        for cut in 1..OPENAI.len() {
            let (pieces, shown) = through(Events::openai(false), OPENAI, cut);
            assert_eq!((counted(&pieces), shown.as_str()), (vec![(7, 1)], OPENAI));
            let (pieces, shown) = through(Events::openai(true), OPENAI, cut);
            assert_eq!(counted(&pieces), [(7, 1)]);
            assert!(!shown.contains("usage") && shown.ends_with("data: [DONE]\n\n"), "{shown}");
        }
    }

    #[test]
    fn anthropic_counts_come_in_two_events() {
        let stream = concat!(
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":0}}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"Hi\"}}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":4}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
        );
        let (pieces, shown) = through(Events::anthropic(), stream, 30);
        assert_eq!((counted(&pieces), shown.as_str()), (vec![(9, 4)], stream));
    }

    #[test]
    fn an_end_without_the_final_event_is_a_failure() {
        let (pieces, _) = through(Events::openai(false), "data: {\"choices\":[]}\n\n", 3);
        assert!(
            matches!(pieces.as_slice(), [Piece::Failed { failure }] if failure.kind == FailureKind::CutOff)
        );
    }
}
