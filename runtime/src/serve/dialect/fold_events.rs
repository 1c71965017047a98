//! `OpenAI`'s and Anthropic's streams, handed out as the one object that `"stream": false` asks for.

use bytes::Bytes;
use smart_ai_core::wire::Piece;

use super::events::Events;
use super::gathered::Gathered;
use super::whole::{ANSWER_MAX, Whole, too_long};
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
            return Read { pieces: vec![Piece::Failed { failure: too_long() }], forward: Bytes::new() };
        }
        let (events, gathered) = match &mut self.form {
            Form::Events(events, gathered) | Form::Unknown(events, gathered) => (events, gathered),
            Form::Whole(whole) => return whole.push(bytes),
            Form::Over => return Read::default(),
        };
        let mut pieces = Vec::new();
        events.read(&bytes, &mut pieces, |value| gathered.add(value));
        Read { pieces, forward: Bytes::new() }
    }

    fn finish(&mut self) -> Read {
        let (mut events, mut gathered) = match std::mem::replace(&mut self.form, Form::Over) {
            Form::Events(events, gathered) | Form::Unknown(events, gathered) => (events, gathered),
            Form::Whole(mut whole) => return whole.finish(),
            Form::Over => return Read::default(),
        };
        let mut pieces = Vec::new();
        events.end_of_stream(&mut pieces, |value| gathered.add(value));
        let failed = pieces.iter().any(|piece| matches!(piece, Piece::Failed { .. }));
        let whole = gathered.whole().filter(|_| !failed);
        let forward = whole.map(|whole| format!("{whole}\n").into()).unwrap_or_default();
        Read { pieces, forward }
    }
}
