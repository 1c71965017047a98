//! One call of one arm: sends the text, tells what comes.

use std::time::{Duration, Instant};

use smart_ai_core::wire::{ANSWER_MAX, AnswerReader, Ask, Piece, Verdict, read_embeddings, repair_prompt};
use smart_ai_core::{Arm, CallOptions, Event, Failure, FailureKind, Object, Usage, wire};

use super::message::{Message, Reporter};
use super::schema::misfit;
use crate::http::{Server, connection_failure, refused, whole};

/// The least between two `Progress` events.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// An ask whose whole answer is looked at before it counts, and what it takes to ask again.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) ask: Box<Ask>,
    pub(super) arm: Arm,
    pub(super) options: CallOptions,
}

/// Ends with exactly one of `Succeeded` and `Failed`, unless its task is aborted before.
pub(super) async fn call(
    server: Server,
    (path, body): (&'static str, String),
    judged: Option<Judged>,
    report: Reporter,
) {
    let attempt = report.attempt;
    let response = match post(&server, path, body).await {
        Ok(response) => response,
        Err(failure) => return report.failed(failure),
    };
    report.event(Event::Started { attempt });
    if path == "/api/embed" {
        embed(response, report).await;
    } else if let Some(judged) = judged {
        judge(&server, response, &judged, &report).await;
    } else {
        let end = stream(response, None, &mut Progress::new(), &report).await;
        report.end(end.map(|(usage, _)| usage));
    }
}

async fn post(server: &Server, path: &'static str, body: String) -> Result<reqwest::Response, Failure> {
    match server.post(path, body).send().await {
        Ok(response) if response.status() == reqwest::StatusCode::OK => Ok(response),
        Ok(response) => Err(refused(response).await),
        Err(error) => Err(connection_failure(&error)),
    }
}

/// The body of an ask for one arm.
pub(super) fn body(ask: &Ask, model: &str, options: &CallOptions) -> (&'static str, String) {
    (ask.endpoint(), ask.body(model, options).to_string())
}

/// Takes a whole answer that is one; of one that does not fit its schema the same model is told so, once.
async fn judge(server: &Server, response: reqwest::Response, judged: &Judged, report: &Reporter) {
    let attempt = report.attempt;
    let (mut response, mut progress, mut spent) = (response, Progress::new(), Usage::default());
    let mut repaired = false;
    let (text, end) = loop {
        let mut held = Held::default();
        let (usage, reason) = match stream(response, Some(&mut held), &mut progress, report).await {
            Ok(end) => end,
            Err(failure) => break (held.text, Err(failure)),
        };
        spent += usage;
        if held.calls_tools {
            break (held.text, Ok(spent));
        }
        let Verdict { text, failure } = judged.ask.verdict(&held.text, &reason);
        let misfit =
            judged.ask.schema.as_ref().filter(|_| failure.is_none()).and_then(|schema| misfit(schema, &text));
        let Some(detail) = misfit else {
            break (text, failure.map_or(Ok(spent), Err));
        };
        if repaired {
            break (text, Err(Failure::new(FailureKind::InvalidAnswer, detail)));
        }
        repaired = true;
        let ask = told(&judged.ask, &text, &detail);
        let (path, body) = body(&ask, judged.arm.model.as_str(), &judged.options);
        response = match post(server, path, body).await {
            Ok(response) => response,
            Err(failure) => break (text, Err(failure)),
        };
    };
    if !text.is_empty() {
        report.send(Message::Text { attempt, text });
    }
    report.end(end);
}

/// The ask again, after an answer that does not fit and what is wrong with it.
fn told(ask: &Ask, text: &str, misfit: &str) -> Ask {
    let message = |role: &str, content: &str| {
        let mut message = Object::new();
        message.insert("role".to_owned(), role.into());
        message.insert("content".to_owned(), content.into());
        message
    };
    let mut ask = ask.clone();
    let messages = ask.messages.get_or_insert_default();
    messages.extend([message("assistant", text), message("user", &repair_prompt(misfit))]);
    ask
}

/// Text that is looked at before the caller has it.
#[derive(Debug, Default)]
struct Held {
    text: String,
    calls_tools: bool,
}

/// Tells what comes, until the end: the server's counters and its reason to stop.
async fn stream(
    mut response: reqwest::Response,
    mut held: Option<&mut Held>,
    progress: &mut Progress,
    report: &Reporter,
) -> Result<(Usage, String), Failure> {
    let attempt = report.attempt;
    let mut reader = AnswerReader::new();
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
                    progress.piece(report);
                    match &mut held {
                        Some(held) => held.text.push_str(&text),
                        None => report.send(Message::Text { attempt, text }),
                    }
                }
                Piece::Thinking { text } => {
                    progress.piece(report);
                    report.send(Message::Thinking { attempt, text });
                }
                Piece::ToolCalls { calls } => {
                    progress.piece(report);
                    if let Some(held) = &mut held {
                        held.calls_tools = true;
                    }
                    report.send(Message::ToolCalls { attempt, calls });
                }
                Piece::Done { usage, reason } => return Ok((usage, reason)),
                Piece::Failed { failure } => return Err(failure),
            }
        }
        if chunk.is_none() {
            let detail = "the answer ended before its final line";
            return Err(Failure::new(FailureKind::CutOff, detail));
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

    /// The answer goes on as far as it had come.
    pub(super) fn again(&self, report: &Reporter) {
        report.event(Event::Progress { attempt: report.attempt, tokens: self.pieces });
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
    let read = match whole(response, ANSWER_MAX).await {
        Ok(body) => read_embeddings(&body),
        Err(failure) if failure.kind == FailureKind::AnswerTooLong => Err(failure),
        Err(failure) => Err(Failure::new(FailureKind::CutOff, failure.detail)),
    };
    match read {
        Ok(wire::Embeddings { embeddings, usage }) => {
            report.send(Message::Embeddings { attempt, embeddings });
            report.event(Event::Succeeded { attempt, usage });
        }
        Err(failure) => report.failed(failure),
    }
}
