//! Server-sent events: `OpenAI`'s and Anthropic's streams, passed through event by event.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::Value;
use smart_ai_core::wire::{Piece, failure_of_status, json_text};
use smart_ai_core::{Failure, FailureKind, Usage};

use crate::driver::{Read, Reader};
use crate::serve::object_text::ObjectText;

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
    /// How far no end of an event was found.
    searched: usize,
    usage: Usage,
    /// The choices by their index, and whether each has said why it ended.
    choices: BTreeMap<u64, bool>,
    done: bool,
    /// What the host said in place of the rest, as it is written.
    pub(super) error: Bytes,
}

impl Events {
    pub(super) fn openai(hide_counts: bool) -> Self {
        Self::new(Words::OpenAi, hide_counts)
    }

    pub(super) fn anthropic() -> Self {
        Self::new(Words::Anthropic, false)
    }

    fn new(words: Words, hide_counts: bool) -> Self {
        let (event, usage, choices, error) = Default::default();
        Self { words, hide_counts, event, searched: 0, usage, choices, done: false, error }
    }

    /// What one event says. Returns what the client sees of it.
    fn take(&mut self, event: Bytes, pieces: &mut Vec<Piece>) -> Bytes {
        let Some(place) = data(&event) else { return event };
        let data = event.slice(place.clone());
        let Some(value) = self.told(&data, pieces) else { return event };
        match value.get("choices").and_then(Value::as_array) {
            Some(choices) if self.hide_counts && value.get("usage").is_some() => {
                if choices.is_empty() {
                    return Bytes::new();
                }
                let rest = ObjectText::read(data).without("usage");
                let parts = [event.get(..place.start), Some(&rest), event.get(place.end..)];
                parts.map(Option::unwrap_or_default).concat().into()
            }
            Some(_) | None => event,
        }
    }

    /// What the data of an event says, where it is part of an answer.
    fn told(&mut self, data: &Bytes, pieces: &mut Vec<Piece>) -> Option<Value> {
        if data.trim_ascii() == b"[DONE]" {
            self.end("", pieces);
            return None;
        }
        let text = json_text(data);
        let value: Value = serde_json::from_str(&text).ok()?;
        let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind == "error" || value.get("error").is_some_and(|error| !error.is_null()) {
            self.error = data.clone();
            // As an error before the answer, whose status would be this one.
            pieces.push(Piece::Failed { failure: failure_of_status(500, &text, None, None) });
            return None;
        }
        match self.words {
            Words::OpenAi => self.take_openai(&value, kind, pieces),
            Words::Anthropic => self.take_anthropic(&value, kind, pieces),
        }
        Some(value)
    }

    /// Reads bytes that came without passing them on: each part of the answer goes to `each`.
    pub(super) fn read(&mut self, bytes: &[u8], pieces: &mut Vec<Piece>, mut each: impl FnMut(Value)) {
        self.event.extend_from_slice(bytes);
        while let Some(event) = self.next_event(pieces) {
            let value = data(&event).and_then(|place| self.told(&event.slice(place), pieces));
            value.into_iter().for_each(&mut each);
        }
    }

    /// The end of bytes that were read so.
    pub(super) fn end_of_stream(&mut self, pieces: &mut Vec<Piece>, each: impl FnMut(Value)) {
        let rest = std::mem::take(&mut self.event).freeze();
        let value = data(&rest).and_then(|place| self.told(&rest.slice(place), pieces));
        value.into_iter().for_each(each);
        self.miss_end(pieces);
    }

    /// The next whole event of what has come.
    fn next_event(&mut self, pieces: &mut Vec<Piece>) -> Option<Bytes> {
        if let Some(end) = event_end(&self.event, self.searched) {
            self.searched = 0;
            return Some(self.event.split_to(end).freeze());
        }
        // An end may have begun: it is three signs long at most.
        self.searched = self.event.len().saturating_sub(2);
        if self.event.len() > EVENT_MAX {
            let failure =
                Failure::new(FailureKind::BadProtocol, "an event of the stream is longer than 16 MiB");
            pieces.push(Piece::Failed { failure });
        }
        None
    }

    /// A stream that ends without its last event is broken, unless its choices said why they ended: some servers say no more.
    fn miss_end(&mut self, pieces: &mut Vec<Piece>) {
        if !self.choices.is_empty() && self.choices.values().all(|ended| *ended) {
            self.end("", pieces);
        }
        if !self.done && !pieces.iter().any(|piece| matches!(piece, Piece::Failed { .. })) {
            let failure = Failure::new(FailureKind::CutOff, "the stream ended without its final event");
            pieces.push(Piece::Failed { failure });
        }
    }

    fn take_openai(&mut self, value: &Value, kind: &str, pieces: &mut Vec<Piece>) {
        let usage = value.get("usage").or_else(|| value.get("response")?.get("usage"));
        if let Some(usage) = usage.filter(|usage| usage.is_object()) {
            self.usage = usage_of(usage);
        }
        match kind {
            // Each is the last event: one says that all is there, one that the answer was cut short, one that the model failed.
            "response.completed" | "response.incomplete" | "response.failed" => {
                self.end(kind.trim_start_matches("response."), pieces);
            }
            _ if kind.rsplit('.').next() == Some("delta") => pieces.push(text()),
            _ => {}
        }
        let choices = value.get("choices").and_then(Value::as_array);
        for choice in choices.into_iter().flatten() {
            let index = choice.get("index").and_then(Value::as_u64).unwrap_or_default();
            *self.choices.entry(index).or_default() |=
                choice.get("finish_reason").is_some_and(Value::is_string);
        }
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
    }

    fn take_anthropic(&mut self, value: &Value, kind: &str, pieces: &mut Vec<Piece>) {
        let usage = value.get("usage").or_else(|| value.get("message")?.get("usage"));
        if let Some(usage) = usage {
            let seen = usage_of(usage);
            self.usage.prompt_tokens = self.usage.prompt_tokens.max(seen.prompt_tokens);
            self.usage.output_tokens = self.usage.output_tokens.max(seen.output_tokens);
        }
        match kind {
            "content_block_delta" => pieces.push(text()),
            "message_stop" => self.end("", pieces),
            _ => {}
        }
    }

    fn end(&mut self, reason: &str, pieces: &mut Vec<Piece>) {
        if !self.done {
            self.done = true;
            pieces.push(Piece::Done { usage: self.usage, reason: reason.to_owned() });
        }
    }
}

impl Reader for Events {
    fn push(&mut self, bytes: Bytes) -> Read {
        let (mut pieces, mut forward) = (Vec::new(), BytesMut::new());
        self.event.extend_from_slice(&bytes);
        while let Some(event) = self.next_event(&mut pieces) {
            forward.put(self.take(event, &mut pieces));
        }
        Read { pieces, forward: forward.freeze() }
    }

    fn finish(&mut self) -> Read {
        let mut pieces = Vec::new();
        let rest = std::mem::take(&mut self.event).freeze();
        let forward = self.take(rest, &mut pieces);
        self.miss_end(&mut pieces);
        Read { pieces, forward }
    }
}

fn text() -> Piece {
    Piece::Text { text: String::new() }
}

/// Past the empty line that ends an event, searched for from a place on. One pass that stops there: a buffer of many events is
/// read once, however its lines end.
fn event_end(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let length = |at: usize| match rest.get(at..) {
        Some([b'\n', b'\n', ..]) => Some(2),
        Some([b'\n', b'\r', b'\n', ..]) => Some(3),
        Some(_) | None => None,
    };
    (0..rest.len()).find_map(|at| Some(from + at + length(at)?))
}

/// Where the data of an event stands: its first line of data.
fn data(event: &[u8]) -> Option<Range<usize>> {
    let mut at = 0;
    for line in event.split_inclusive(|sign| *sign == b'\n') {
        if let Some(data) = line.strip_prefix(b"data:") {
            let start = at + line.len() - data.trim_ascii_start().len();
            return Some(start..start + data.trim_ascii().len());
        }
        at += line.len();
    }
    None
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
    fn counts_beside_texts_are_left_out_for_who_did_not_ask() {
        let stream = "data: {\"choices\":[{\"text\":\"Hi\"}],\"usage\":{\"prompt_tokens\":0},\"id\":\"c\"}\n\ndata: [DONE]\n\n";
        let (_, shown) = through(Events::openai(true), stream, 9);
        assert_eq!(shown, "data: {\"choices\":[{\"text\":\"Hi\"}],\"id\":\"c\"}\n\ndata: [DONE]\n\n");
        assert_eq!(through(Events::openai(false), stream, 9).1, stream);
    }

    #[test]
    fn a_response_ends_with_any_of_its_three_last_events() {
        for last in ["completed", "incomplete", "failed"] {
            let stream = format!(
                "event: response.{last}\r\ndata: {{\"type\":\"response.{last}\",\"response\":{{\"usage\":{{\"input_tokens\":5,\"output_tokens\":3}}}}}}\r\n\r\n"
            );
            let (pieces, shown) = through(Events::openai(false), &stream, 40);
            assert_eq!((counted(&pieces), shown.as_str()), (vec![(5, 3)], stream.as_str()));
            assert_eq!(pieces.len(), 1);
        }
    }

    #[test]
    fn a_stream_whose_choice_said_why_it_ended_is_whole_without_a_last_event() {
        let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n";
        let (pieces, _) = through(Events::openai(false), stream, 9);
        assert!(matches!(pieces.last(), Some(Piece::Failed { .. })));
        let stream = stream.replace("null", "\"stop\"");
        let (pieces, shown) = through(Events::openai(false), &stream, 9);
        assert!(matches!(pieces.last(), Some(Piece::Done { .. })));
        assert_eq!(shown, stream);
    }

    #[test]
    fn a_buffer_of_many_events_is_searched_once() {
        for line_end in ["\n", "\r\n"] {
            let event = format!("data: {{}}{line_end}{line_end}");
            let bytes = event.repeat(1_000);
            let mut at = 0;
            // An event's end is found without a look at what stands behind it.
            while let Some(end) = event_end(bytes.as_bytes().get(..at + event.len()).unwrap_or_default(), at)
            {
                assert_eq!(Some(end), event_end(bytes.as_bytes(), at));
                at = end;
            }
            assert_eq!(at, bytes.len());
        }
        assert_eq!(event_end(b"data: 1\n\r\n", 0), Some(10));
        assert_eq!(event_end(b"data: 1\r\n\r", 0), None);
    }

    #[test]
    fn an_end_without_the_final_event_is_a_failure() {
        let (pieces, _) = through(Events::openai(false), "data: {\"choices\":[]}\n\n", 3);
        assert!(
            matches!(pieces.as_slice(), [Piece::Failed { failure }] if failure.kind == FailureKind::CutOff)
        );
    }
}
