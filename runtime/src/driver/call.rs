//! One call of one arm: sends the text, tells what comes.

use std::time::{Duration, Instant};

use smart_ai_core::wire::{AnswerReader, Ask, Piece, read_embeddings};
use smart_ai_core::{AttemptId, CallOptions, Event, Failure, FailureKind, wire};
use tokio::sync::mpsc;

use super::task::Message;
use crate::http::{Server, connection_failure, refused};

/// The least between two `Progress` events.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// Where a call reports to. Does nothing once the engine is gone.
#[derive(Clone, Debug)]
pub(super) struct Reporter {
    pub(super) attempt: AttemptId,
    pub(super) messages: mpsc::WeakUnboundedSender<Message>,
}

impl Reporter {
    pub(super) fn send(&self, message: Message) {
        if let Some(messages) = self.messages.upgrade() {
            drop(messages.send(message));
        }
    }

    pub(super) fn event(&self, event: Event) {
        self.send(Message::Event(event));
    }

    pub(super) fn failed(&self, failure: Failure) {
        self.event(Event::Failed { attempt: self.attempt, failure });
    }
}

/// Ends with exactly one of `Succeeded` and `Failed`, unless its task is aborted before.
///
/// `judged` is the ask whose whole answer is looked at before it counts.
pub(super) async fn call(
    server: Server,
    (path, body): (&'static str, String),
    judged: Option<Box<Ask>>,
    report: Reporter,
) {
    let attempt = report.attempt;
    let response = match server.post(path, body).send().await {
        Ok(response) if response.status() == reqwest::StatusCode::OK => response,
        Ok(response) => return report.failed(refused(response).await),
        Err(error) => return report.failed(connection_failure(&error)),
    };
    report.event(Event::Started { attempt });
    if path == "/api/embed" { embed(response, report).await } else { stream(response, judged, report).await }
}

/// The body of an ask for one arm.
pub(super) fn body(ask: &Ask, model: &str, options: &CallOptions) -> (&'static str, String) {
    (ask.endpoint(), ask.body(model, options).to_string())
}

async fn stream(mut response: reqwest::Response, judged: Option<Box<Ask>>, report: Reporter) {
    let attempt = report.attempt;
    let mut reader = AnswerReader::new();
    let mut progress = Progress::new();
    let mut whole = String::new();
    let mut calls_tools = false;
    loop {
        // An error here is an end before the final line: the reader says what that means.
        let chunk = response.chunk().await.unwrap_or(None);
        let pieces = match &chunk {
            Some(bytes) => reader.push(bytes),
            None => reader.finish().into_iter().collect(),
        };
        for piece in pieces {
            match piece {
                Piece::Text { text } => {
                    progress.piece(&report);
                    if judged.is_some() {
                        whole.push_str(&text);
                    } else {
                        report.send(Message::Text { attempt, text });
                    }
                }
                Piece::Thinking { .. } => progress.piece(&report),
                Piece::ToolCalls { .. } => {
                    calls_tools = true;
                    progress.piece(&report);
                }
                Piece::Done { usage, reason } => {
                    let verdict = judged.filter(|_| !calls_tools).map(|ask| ask.verdict(&whole, &reason));
                    let (text, fault) =
                        verdict.map_or((whole, None), |verdict| (verdict.text, verdict.failure));
                    if !text.is_empty() {
                        report.send(Message::Text { attempt, text });
                    }
                    return match fault {
                        Some(failure) => report.failed(failure),
                        None => report.event(Event::Succeeded { attempt, usage }),
                    };
                }
                Piece::Failed { failure } => {
                    report.send(Message::Text { attempt, text: whole });
                    return report.failed(failure);
                }
            }
        }
        if chunk.is_none() {
            return;
        }
    }
}

pub(super) struct Progress {
    pieces: u32,
    told: Instant,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { pieces: 0, told: Instant::now() }
    }

    /// Something of the answer shows, whatever it is.
    pub(super) fn at_least_one(&mut self, report: &Reporter) {
        if self.pieces == 0 {
            self.piece(report);
        }
    }

    pub(super) fn piece(&mut self, report: &Reporter) {
        let attempt = report.attempt;
        self.pieces = self.pieces.saturating_add(1);
        if self.pieces == 1 {
            report.event(Event::FirstToken { attempt });
        } else if self.told.elapsed() >= PROGRESS_EVERY {
            report.event(Event::Progress { attempt, tokens: self.pieces });
        } else {
            return;
        }
        self.told = Instant::now();
    }
}

async fn embed(response: reqwest::Response, report: Reporter) {
    let attempt = report.attempt;
    let read = match response.text().await {
        Ok(body) => read_embeddings(&body),
        Err(error) => Err(Failure::new(FailureKind::CutOff, connection_failure(&error).detail)),
    };
    match read {
        Ok(wire::Embeddings { embeddings, usage }) => {
            report.send(Message::Embeddings { attempt, embeddings });
            report.event(Event::Succeeded { attempt, usage });
        }
        Err(failure) => report.failed(failure),
    }
}
