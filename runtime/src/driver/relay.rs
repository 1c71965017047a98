//! A client's own request, as it is passed on to whichever arm the dispatcher chooses, and what comes back of it.

use std::fmt::{self, Debug, Formatter};
use std::sync::OnceLock;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use smart_ai_core::wire::Piece;
use smart_ai_core::{Arm, AttemptId, CallOptions, DispatchError, Outcome};
use tokio::sync::mpsc;

use crate::http::Refusal;

/// Writes the body for an arm.
pub(crate) type BodyFor = Box<dyn Fn(&Arm, &CallOptions) -> Bytes + Send + Sync>;

/// A request to pass on.
pub(crate) struct Relay {
    /// Path and query.
    pub(crate) path: String,
    /// The client's, as far as they concern the host.
    pub(crate) headers: HeaderMap,
    /// The trace the client says it belongs to.
    pub(crate) traceparent: Option<String>,
    /// The body for an arm.
    pub(crate) body: BodyFor,
    /// A reader at the start of an answer.
    pub(crate) reader: fn() -> Box<dyn Reader>,
    /// The client.
    pub(crate) parts: mpsc::Sender<Part>,
    /// The call whose answer the client gets: of two under way, the first with something to show.
    pub(crate) speaker: OnceLock<AttemptId>,
}

impl Debug for Relay {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Relay").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What goes to the client.
#[derive(Debug)]
pub(crate) enum Part {
    /// The answer begins: nothing of it is repeated elsewhere any more.
    Head {
        status: StatusCode,
        headers: HeaderMap,
        arm: Arm,
        /// What the history calls the job.
        job: Option<String>,
    },
    /// More of it.
    Bytes(Bytes),
    /// What came last was the host's own word that the answer broke off.
    ToldBroken,
}

/// How a relayed job ended.
#[derive(Debug)]
pub(crate) struct RelayEnd {
    pub(crate) outcome: Outcome,
    pub(crate) error: Option<DispatchError>,
    /// What the last host said in place of an answer.
    pub(crate) refusal: Option<Refusal>,
}

/// What a reader makes of bytes that came.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) pieces: Vec<Piece>,
    /// What the client gets of them.
    pub(crate) forward: Bytes,
}

/// Understands an answer on its way through.
pub(crate) trait Reader: Send {
    /// Takes what came, of any length and cut anywhere.
    fn push(&mut self, bytes: Bytes) -> Read;
    /// The answer ended.
    fn finish(&mut self) -> Read;
}
