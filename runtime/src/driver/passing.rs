//! Passes a client's request to an arm, and the answer back, piece by piece.

use std::time::Duration;

use reqwest::StatusCode;
use smart_ai_core::wire::{Piece, Progress};
use smart_ai_core::{Arm, CallOptions, Event, Failure, FailureKind};
use tokio::sync::mpsc::error::TrySendError;

use super::clock::now;
use super::message::{Message, Reporter};
use super::relay::{Part, Read, Reader, Relay};
use crate::http::{Refusal, Server, connection_failure, refusal};

/// How long a host may take to end its answer after the last line of it.
const LINGERING: Duration = Duration::from_secs(1);

/// How long a call whose job another call has answered waits for the dispatcher to abort it.
const STEPPING_BACK: Duration = Duration::from_secs(5);

/// Ends with exactly one of `Succeeded` and `Failed`, unless its task is aborted or its client leaves before.
pub(super) async fn relay(
    server: Server,
    arm: Arm,
    job: Option<String>,
    relay: std::sync::Arc<Relay>,
    options: CallOptions,
    report: Reporter,
) {
    let request = server.post_bytes(&relay.path, (relay.body)(&arm, &options)).headers(relay.headers.clone());
    let reader = (relay.reader)();
    let response = match request.send().await {
        Ok(response) if response.status().is_success() => response,
        Ok(response) => {
            let (failure, refusal) = refusal(response).await;
            report.send(Message::Refused { attempt: report.attempt, refusal });
            return report.failed(failure);
        }
        Err(error) => return report.failed(connection_failure(&error)),
    };
    let attempt = report.attempt;
    report.event(Event::Started { attempt });
    Passing { relay: &relay, arm, job, report, progress: Progress::new(attempt), reader, emitted: false }
        .pass(response)
        .await;
}

/// An answer on its way through.
struct Passing<'a> {
    relay: &'a Relay,
    arm: Arm,
    job: Option<String>,
    report: Reporter,
    progress: Progress,
    reader: Box<dyn Reader>,
    emitted: bool,
}

impl Passing<'_> {
    /// Whether the client gets this call's answer. Decided before the dispatcher is told of a first piece, so that both agree.
    fn speaks(&self) -> bool {
        *self.relay.speaker.get_or_init(|| self.report.attempt) == self.report.attempt
    }

    fn tell(&mut self, of: impl FnOnce(&mut Progress) -> Option<Event>) {
        if let Some(event) = of(&mut self.progress) {
            self.report.event(event);
        }
    }

    /// Another call answers: the dispatcher is about to abort this one.
    async fn step_back(self) {
        let report = self.report;
        tokio::time::sleep(STEPPING_BACK).await;
        report.failed(Failure::new(FailureKind::CutOff, "another call had begun to answer"));
    }

    /// Gives the client a part; while it reads nothing, the dispatcher knows whose the silence is.
    async fn hand_out(&mut self, part: Part) -> Option<()> {
        let attempt = self.report.attempt;
        match self.relay.parts.try_send(part) {
            Ok(()) => Some(()),
            Err(TrySendError::Closed(_)) => None,
            Err(TrySendError::Full(part)) => {
                self.report.event(Event::Held { attempt });
                self.relay.parts.send(part).await.ok()?;
                self.report.event(self.progress.again());
                Some(())
            }
        }
    }

    async fn pass(mut self, mut response: reqwest::Response) {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let mut ended: Option<Result<(), Failure>> = None;
        loop {
            // An error here is an end before the final line: the reader says what that means.
            let coming = response.chunk();
            let chunk = if ended.is_some() {
                tokio::time::timeout(LINGERING, coming).await.map_or(None, |chunk| chunk.unwrap_or(None))
            } else {
                coming.await.unwrap_or(None)
            };
            let last = chunk.is_none();
            let Read { pieces, forward } = match chunk {
                Some(bytes) => self.reader.push(bytes),
                None => self.reader.finish(),
            };
            let fails = pieces.iter().any(|piece| matches!(piece, Piece::Failed { .. }));
            if !forward.is_empty() && !fails {
                if !self.speaks() {
                    return self.step_back().await;
                }
                self.tell(|progress| progress.at_least_one(now()));
            }
            for piece in pieces {
                match piece {
                    Piece::Text { .. } | Piece::Thinking { .. } | Piece::ToolCalls { .. } => {
                        self.tell(|progress| progress.piece(now()));
                    }
                    // Told before the client reads it, who may leave at once.
                    Piece::Done { usage, .. } if ended.is_none() => {
                        let attempt = self.report.attempt;
                        self.report.event(Event::Succeeded { attempt, usage });
                        ended = Some(Ok(()));
                    }
                    Piece::Done { .. } => {}
                    Piece::Failed { failure } => ended = ended.or(Some(Err(failure))),
                }
            }
            let failed = matches!(ended, Some(Err(_)));
            if failed
                && !self.emitted
                && let Some(error) = own_error(&forward)
            {
                self.report.send(Message::Refused { attempt: self.report.attempt, refusal: told(error) });
            }
            if !forward.is_empty() && (self.emitted || !failed) {
                let head = (!self.emitted).then(|| {
                    let (headers, arm, job) = (headers.clone(), self.arm.clone(), self.job.clone());
                    Part::Head { status, headers, arm, job }
                });
                self.emitted = true;
                let told = failed.then_some(Part::ToldBroken);
                for part in head.into_iter().chain([Part::Bytes(forward)]).chain(told) {
                    // A client that is gone has cancelled its job.
                    if self.hand_out(part).await.is_none() {
                        return;
                    }
                }
            }
            if last || failed {
                break;
            }
        }
        if let Some(Err(failure)) = ended {
            self.report.failed(failure);
        }
    }
}

/// The last line of what a host sent, where it is an object that tells an error.
fn own_error(sent: &[u8]) -> Option<&[u8]> {
    let line = sent.split(|byte| *byte == b'\n').rfind(|line| !line.trim_ascii().is_empty())?;
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(line).ok()?;
    object.contains_key("error").then_some(line)
}

/// The host's own error in place of the rest of an answer: what it would have said had it not begun.
fn told(error: &[u8]) -> Refusal {
    Refusal {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        content_type: Some("application/json".to_owned()),
        retry_after: None,
        body: String::from_utf8_lossy(error).into_owned(),
    }
}
