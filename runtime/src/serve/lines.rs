//! An ask answered in lines of JSON, so that its caller sees the answer come, and that this server lives.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::Bytes;
use futures_core::Stream;
use serde_json::{Value, json};
use smart_ai_core::wire::Ask;
use tokio::sync::mpsc;
use tokio::time::Interval;

use super::bodies::Held;
use crate::driver::{AskOptions, Engine, KeptAnswer};

/// Between two lines that only say that the ask is under way: a caller takes a server for lost after several of them.
const BEAT_EVERY: Duration = Duration::from_secs(5);

/// What a caller wants to see come, by the query of its ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    /// The answer, as one object.
    Whole,
    /// The answer as the last of several lines.
    Answer,
    /// Its text as it comes, a line for each piece, and the answer.
    Text,
}

impl Wanted {
    pub(super) fn of(query: Option<&str>) -> Self {
        match query {
            Some("stream=text") => Self::Text,
            Some("stream=answer") => Self::Answer,
            Some(_) | None => Self::Whole,
        }
    }
}

/// The lines of one ask. A caller that stops reading cancels it.
pub(super) fn lines(engine: &Engine, ask: Ask, wanted: Wanted, room: Held) -> Response {
    let (sender, pieces) = mpsc::unbounded_channel();
    let options = AskOptions { pieces: (wanted == Wanted::Text).then_some(sender) };
    let asked = Asked {
        answering: Some(Box::pin(engine.ask_kept(ask, options))),
        answer: None,
        pieces,
        beat: tokio::time::interval(BEAT_EVERY),
        _room: room,
    };
    let mut response = Response::new(Body::from_stream(asked));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

struct Asked {
    /// `None` once it has ended.
    answering: Option<Pin<Box<dyn Future<Output = KeptAnswer> + Send>>>,
    /// Waits for the pieces before it to be told.
    answer: Option<KeptAnswer>,
    pieces: mpsc::UnboundedReceiver<String>,
    beat: Interval,
    _room: Held,
}

impl Stream for Asked {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(Poll::Ready(answer)) = self.answering.as_mut().map(|asked| asked.as_mut().poll(context)) {
            self.answering = None;
            self.answer = Some(answer);
        }
        if let Poll::Ready(Some(text)) = self.pieces.poll_recv(context) {
            return line(&json!({ "text": text }));
        }
        if let Some(answer) = self.answer.take() {
            return line(&json!({ "answer": answer }));
        }
        if self.answering.is_none() {
            return Poll::Ready(None);
        }
        ready!(self.beat.poll_tick(context));
        line(&json!({}))
    }
}

fn line(value: &Value) -> Poll<Option<Result<Bytes, Infallible>>> {
    Poll::Ready(Some(Ok(format!("{value}\n").into())))
}
