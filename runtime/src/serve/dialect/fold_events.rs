//! `OpenAI`'s and Anthropic's streams, handed out as the one object that `"stream": false` asks for.

use bytes::Bytes;
use smart_ai_core::wire::{ANSWER_MAX, Piece, answer_too_long};
use smart_ai_core::{Failure, FailureKind};

use super::events::Events;
use super::gathered::Gathered;
use super::whole::Whole;
use crate::driver::{Read, Reader};

/// A stream of events, added up.
#[derive(Debug)]
pub(super) struct FoldEvents {
    form: Form,
    /// Bytes that came so far.
    length: usize,
}

/// What the host sends.
#[derive(Debug)]
enum Form {
    /// Nothing yet.
    Unknown(Events, Gathered),
    Events(Events, Gathered),
    /// It does not stream: the object comes as it is.
    Whole(Whole),
    /// It was too long, or is handed out.
    Over,
}

impl FoldEvents {
    pub(super) fn completion() -> Self {
        Self { form: Form::Unknown(Events::openai(false), Gathered::completion()), length: 0 }
    }

    pub(super) fn response() -> Self {
        Self { form: Form::Unknown(Events::openai(false), Gathered::response()), length: 0 }
    }

    pub(super) fn message() -> Self {
        Self { form: Form::Unknown(Events::anthropic(), Gathered::message()), length: 0 }
    }

    /// Settles the form by the first sign that is no space.
    fn settle(&mut self, bytes: &[u8]) {
        let Some(first) = bytes.trim_ascii_start().first() else { return };
        self.form = match std::mem::replace(&mut self.form, Form::Over) {
            Form::Unknown(..) if *first == b'{' => Form::Whole(Whole::default()),
            Form::Unknown(events, gathered) => Form::Events(events, gathered),
            known @ (Form::Events(..) | Form::Whole(_) | Form::Over) => known,
        };
    }
}

impl Reader for FoldEvents {
    fn push(&mut self, bytes: Bytes) -> Read {
        self.settle(&bytes);
        self.length += bytes.len();
        if self.length > ANSWER_MAX {
            self.form = Form::Over;
            return Read {
                pieces: vec![Piece::Failed { failure: answer_too_long() }],
                forward: Bytes::new(),
            };
        }
        let (events, gathered) = match &mut self.form {
            Form::Events(events, gathered) | Form::Unknown(events, gathered) => (events, gathered),
            Form::Whole(whole) => return whole.push(bytes),
            Form::Over => return Read::default(),
        };
        let mut pieces = Vec::new();
        events.read(&bytes, &mut pieces, |value| gathered.add(value));
        fail_without_answer(&mut pieces, gathered);
        Read { pieces, forward: std::mem::take(&mut events.error) }
    }

    fn finish(&mut self) -> Read {
        let (mut events, mut gathered) = match std::mem::replace(&mut self.form, Form::Over) {
            Form::Events(events, gathered) | Form::Unknown(events, gathered) => (events, gathered),
            Form::Whole(mut whole) => return whole.finish(),
            Form::Over => return Read::default(),
        };
        let mut pieces = Vec::new();
        events.end_of_stream(&mut pieces, |value| gathered.add(value));
        fail_without_answer(&mut pieces, &gathered);
        let failed = pieces.iter().any(|piece| matches!(piece, Piece::Failed { .. }));
        let whole = gathered.whole().filter(|_| !failed);
        let forward = whole.map(|whole| format!("{whole}\n").into());
        Read { pieces, forward: forward.unwrap_or(events.error) }
    }
}

/// An end after which there is no answer is a failure. Nothing has been handed out: another arm may do better.
fn fail_without_answer(pieces: &mut [Piece], gathered: &Gathered) {
    for piece in pieces {
        let failure = match piece {
            Piece::Done { reason, .. } if reason == "failed" => {
                Failure::new(FailureKind::ServerError, "the model failed within its answer")
            }
            Piece::Done { .. } if gathered.is_empty() => {
                Failure::new(FailureKind::BadProtocol, "the stream holds no answer in the words of its API")
            }
            Piece::Done { .. }
            | Piece::Failed { .. }
            | Piece::Text { .. }
            | Piece::Thinking { .. }
            | Piece::ToolCalls { .. } => continue,
        };
        *piece = Piece::Failed { failure };
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn folded(mut fold: FoldEvents, stream: &str, cut: usize) -> (Vec<Piece>, Value) {
        let (left, right) = stream.as_bytes().split_at(cut);
        let mut pieces = fold.push(Bytes::copy_from_slice(left)).pieces;
        pieces.extend(fold.push(Bytes::copy_from_slice(right)).pieces);
        let end = fold.finish();
        pieces.extend(end.pieces);
        (pieces, serde_json::from_slice(&end.forward).unwrap_or_default())
    }

    fn fails(pieces: &[Piece]) -> bool {
        pieces.iter().any(|piece| matches!(piece, Piece::Failed { .. }))
    }

    #[test]
    fn a_stream_is_one_object_wherever_it_is_cut() {
        let stream = concat!(
            "data: {\"object\":\"text_completion\",\"choices\":[{\"index\":0,\"text\":\"Hel\"}]}\n\n",
            "data: {\"object\":\"text_completion\",\"choices\":[{\"index\":0,\"text\":\"lo\",\"finish_reason\":\"stop\"}]}\n\n",
            "data: {\"choices\":[],\"usage\":{\"completion_tokens\":2}}\n\ndata: [DONE]\n\n"
        );
        let expected = json!({
            "object": "text_completion", "usage": {"completion_tokens": 2},
            "choices": [{"text": "Hello", "index": 0, "finish_reason": "stop"}],
        });
        for cut in 1..stream.len() {
            let (pieces, whole) = folded(FoldEvents::completion(), stream, cut);
            assert_eq!((fails(&pieces), &whole), (false, &expected), "cut at {cut}");
        }
    }

    #[test]
    fn an_object_of_a_host_that_does_not_stream_is_passed_on() {
        let whole = r#" {"choices":[{"text":"Hi"}],"usage":{"prompt_tokens":1}}"#;
        let (pieces, passed) = folded(FoldEvents::completion(), whole, 1);
        assert_eq!(passed.to_string(), whole.trim());
        assert!(matches!(pieces.last(), Some(Piece::Done { usage, .. }) if usage.prompt_tokens == 1));
    }

    #[test]
    fn an_error_among_the_events_is_handed_out_as_the_host_wrote_it() {
        let error = r#"{"error":{"message":"no","type":"api_error"}}"#;
        for end in ["\n\n", ""] {
            let mut fold = FoldEvents::completion();
            let read = fold.push(Bytes::from(format!("data: {{\"choices\":[]}}\n\ndata: {error}{end}")));
            let told = if end.is_empty() { fold.finish() } else { read };
            assert!(fails(&told.pieces));
            assert_eq!(told.forward, error.as_bytes());
        }
    }

    #[test]
    fn what_breaks_off_or_fails_gives_no_object() {
        let failed = "data: {\"type\":\"response.failed\",\"response\":{\"error\":{}}}\n\n";
        for (fold, stream) in [
            (FoldEvents::response(), failed),
            (FoldEvents::completion(), "data: {\"choices\":[{\"text\":\"Hi\"}]}\n\n"),
            (FoldEvents::completion(), "data: [DONE]\n\n"),
            (FoldEvents::response(), "data: {\"type\":\"response.completed\"}\n\n"),
            // In the words of another API.
            (FoldEvents::message(), "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: [DONE]"),
            (
                FoldEvents::message(),
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"message\":\"no\"}}\n\n",
            ),
        ] {
            let (pieces, _) = folded(fold, stream, 9);
            assert!(fails(&pieces), "{stream}");
        }
    }
}
