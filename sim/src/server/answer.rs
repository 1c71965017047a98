//! An answer on the wire: a stream of lines, or one object at the end.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use http_body::Frame;
use serde_json::json;
use tokio::sync::mpsc;

use super::dialect::Events;
use super::generation::{Counters, Generation, Step, Token};
use super::lines::{Content, Endpoint, Line};
use super::reply::{ApiError, json_reply, typed};
use crate::fault::{Fault, FaultKind};
use crate::scheduler::Nanos;

const NDJSON: &str = "application/x-ndjson";
const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json; charset=utf-8";
const RUNNER_DIED: &str = "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, \
    check ollama server logs for details";

/// What the lines of an answer repeat of its request.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) endpoint: Endpoint,
    pub(crate) model: String,
    pub(crate) start: Nanos,
    pub(crate) load: Nanos,
    pub(crate) with_context: bool,
    /// Whether a stream in `OpenAI`'s form ends with the counters.
    pub(crate) with_usage: bool,
}

impl Asked {
    /// The events of the answer, where it is not in Ollama's own form.
    fn events(&self) -> Option<Events<'_>> {
        let Self { endpoint, with_usage, .. } = *self;
        (!endpoint.is_native()).then_some(Events { endpoint, model: &self.model, with_usage })
    }
}

/// Streams one line a token. Nothing is sent before the first token, so an error until then has its own status; an instant answer is one write.
pub(crate) async fn stream(mut generation: Generation, asked: Asked) -> Result<Response, ApiError> {
    let mut buffer = BytesMut::new();
    let first = generation.next().await;
    if let Step::Broken(fault) = &first
        && fault.kind == FaultKind::ErrorLine
    {
        generation.end();
        return Err(ApiError::internal(fault.text.as_deref().unwrap_or(RUNNER_DIED)));
    }
    let mut status = Status::Open;
    if let Some(events) = asked.events() {
        events.begin(&mut buffer);
    }
    write_step(&mut generation, &asked, first, &mut buffer, &mut status);
    while status == Status::Open && generation.is_ready() {
        let step = generation.next().await;
        write_step(&mut generation, &asked, step, &mut buffer, &mut status);
    }
    let split = generation.split();
    let content_type = if asked.endpoint.is_native() { NDJSON } else { EVENTS };
    let (lines, rest) = mpsc::channel(4);
    let first = Chunk::Bytes(buffer.split().freeze());
    // The channel is new and has room.
    let _room = lines.try_send(first);
    match status {
        Status::Ended => {}
        Status::Reset => {
            let _room = lines.try_send(Chunk::Reset);
        }
        Status::Open => {
            tokio::spawn(produce(generation, asked, lines));
        }
    }
    Ok(typed(StatusCode::OK, content_type, Body::new(Lines { split, ..Lines::new(rest) })))
}

async fn produce(mut generation: Generation, asked: Asked, lines: mpsc::Sender<Chunk>) {
    let mut status = Status::Open;
    while status == Status::Open {
        let step = tokio::select! {
            step = generation.next() => step,
            // The client left: dropping the generation gives the model back.
            () = lines.closed() => return,
        };
        let mut buffer = BytesMut::new();
        write_step(&mut generation, &asked, step, &mut buffer, &mut status);
        if !buffer.is_empty() && lines.send(Chunk::Bytes(buffer.freeze())).await.is_err() {
            return;
        }
    }
    if status == Status::Reset {
        let _gone = lines.send(Chunk::Reset).await;
    }
}

/// Collects the whole answer into one object.
pub(crate) async fn whole(mut generation: Generation, asked: Asked) -> Result<Response, ApiError> {
    let broken = loop {
        match generation.next().await {
            Step::Tokens(_) => {}
            Step::End(counters) => return Ok(finished(generation, &asked, counters)),
            Step::Broken(fault) => break fault,
        }
    };
    generation.end();
    if broken.kind == FaultKind::ErrorLine {
        Err(ApiError::internal(broken.text.unwrap_or_else(|| RUNNER_DIED.to_owned())))
    } else if broken.kind == FaultKind::Garbage {
        Ok(typed(StatusCode::OK, JSON, Body::from(GARBAGE)))
    } else if broken.abrupt {
        let (lines, rest) = mpsc::channel(1);
        let _room = lines.try_send(Chunk::Reset);
        Ok(typed(StatusCode::OK, JSON, Body::new(Lines::new(rest))))
    } else {
        let said = Said::new(generation.sent());
        Ok(json_reply(StatusCode::OK, &Line::new(asked.endpoint, &asked.model, said.content())))
    }
}

fn finished(mut generation: Generation, asked: &Asked, counters: Counters) -> Response {
    generation.end();
    let total = generation.ticket.host.now().saturating_sub(asked.start);
    let said = Said::new(&generation.script.tokens);
    if let Some(events) = asked.events() {
        return events.whole(&said.text, counters, generation.script.done_reason);
    }
    let context = context(&generation, asked);
    let line = Line::new(asked.endpoint, &asked.model, said.content())
        .done(generation.script.done_reason)
        .counted(counters, total, asked.load, &context);
    json_reply(StatusCode::OK, &line)
}

/// All that an answer says, joined.
struct Said {
    text: String,
    thinking: String,
    calls: Vec<serde_json::Value>,
}

impl Said {
    fn new(tokens: &[Token]) -> Self {
        let mut said = Self { text: String::new(), thinking: String::new(), calls: Vec::new() };
        for token in tokens {
            match token {
                Token::Text(text) => said.text.push_str(text),
                Token::Thinking(text) => said.thinking.push_str(text),
                Token::ToolCall(call) => said.calls.push(call.clone()),
            }
        }
        said
    }

    fn content(&self) -> Content<'_> {
        Content { text: &self.text, thinking: &self.thinking, tool_calls: &self.calls }
    }
}

/// Token numbers of prompt and answer, which a later generate may send back.
fn context(generation: &Generation, asked: &Asked) -> Vec<u64> {
    let length = generation.script.prompt_tokens + generation.script.tokens.len() as u64;
    if asked.with_context {
        (0..length).map(|index| index.wrapping_mul(7919) % 32_000).collect()
    } else {
        Vec::new()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Open,
    Ended,
    Reset,
}

const GARBAGE: &str = "\u{1}\u{fffd}<<<not json>>>{\"mod\n";

fn write_step(
    generation: &mut Generation,
    asked: &Asked,
    step: Step,
    buffer: &mut BytesMut,
    status: &mut Status,
) {
    match step {
        Step::Tokens(range) => {
            for token in generation.script.tokens.get(range).unwrap_or_default() {
                match asked.events() {
                    Some(events) => events.token(buffer, token),
                    None => write_line(buffer, &Line::new(asked.endpoint, &asked.model, Content::of(token))),
                }
            }
        }
        Step::End(counters) => {
            generation.end();
            if let Some(events) = asked.events() {
                events.end(buffer, counters, generation.script.done_reason);
                *status = Status::Ended;
                return;
            }
            let total = generation.ticket.host.now().saturating_sub(asked.start);
            let context = context(generation, asked);
            let line = Line::new(asked.endpoint, &asked.model, Content::default())
                .done(generation.script.done_reason)
                .counted(counters, total, asked.load, &context);
            write_line(buffer, &line);
            *status = Status::Ended;
        }
        Step::Broken(fault) => {
            generation.end();
            *status = write_break(buffer, &fault);
        }
    }
}

fn write_break(buffer: &mut BytesMut, fault: &Fault) -> Status {
    if fault.kind == FaultKind::ErrorLine {
        write_line(buffer, &json!({ "error": fault.text.as_deref().unwrap_or(RUNNER_DIED) }));
    } else if fault.kind == FaultKind::Garbage {
        buffer.put_slice(GARBAGE.as_bytes());
    }
    if fault.kind == FaultKind::Cut && fault.abrupt { Status::Reset } else { Status::Ended }
}

fn write_line(buffer: &mut BytesMut, line: &impl serde::Serialize) {
    // Writing to memory does not fail, and the lines hold nothing that JSON cannot.
    let _written = serde_json::to_writer(buffer.writer(), line);
    buffer.put_u8(b'\n');
}

/// A part of a streamed body.
#[derive(Debug)]
enum Chunk {
    Bytes(Bytes),
    /// Break the connection.
    Reset,
}

/// A body of unknown length, fed through a channel.
struct Lines {
    chunks: mpsc::Receiver<Chunk>,
    /// Bytes of a frame at most.
    split: Option<usize>,
    /// What is left of a chunk.
    rest: Bytes,
}

impl Lines {
    fn new(chunks: mpsc::Receiver<Chunk>) -> Self {
        Self { chunks, split: None, rest: Bytes::new() }
    }

    fn frame(&mut self, mut bytes: Bytes) -> Frame<Bytes> {
        let size = self.split.map_or(bytes.len(), |size| size.min(bytes.len()));
        self.rest = bytes.split_off(size);
        Frame::data(bytes)
    }
}

impl http_body::Body for Lines {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return Poll::Ready(Some(Ok(self.frame(rest))));
        }
        self.chunks.poll_recv(context).map(|chunk| match chunk? {
            Chunk::Bytes(bytes) => Some(Ok(self.frame(bytes))),
            Chunk::Reset => Some(Err(std::io::ErrorKind::ConnectionReset.into())),
        })
    }
}
