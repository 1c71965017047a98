//! What the task remembers of jobs, calls and questions under way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use smart_ai_core::wire::Ask;
use smart_ai_core::{Arm, AttemptId, Decision, FailureKind, JobId, Millis, Request, Snapshot};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::KeptAnswer;
use super::call::Call;
use super::clock::since_1970;
use super::observer::MadeCall;
use super::relay::{Relay, RelayEnd};
use crate::http::Refusal;

/// A job whose caller waits.
pub(super) struct Waiting {
    pub(super) caller: Caller,
    pub(super) request: Request,
    /// Calls of it under way.
    pub(super) calls: u32,
    /// The last call that failed.
    pub(super) failed: Option<(Arm, FailureKind)>,
    pub(super) submitted_at: Duration,
    /// Its calls that have ended.
    pub(super) made: Vec<MadeCall>,
    /// Its calls that were begun, with what each has brought: the text of one that was cut short is the answer's, too.
    pub(super) begun: BTreeMap<AttemptId, Call>,
}

/// Who waits, and for what.
pub(super) enum Caller {
    Ask { ask: Arc<Ask>, pieces: Option<mpsc::UnboundedSender<String>>, reply: oneshot::Sender<KeptAnswer> },
    Relay { relay: Arc<Relay>, refusal: Option<Refusal>, reply: oneshot::Sender<RelayEnd> },
}

/// A call under way.
pub(super) struct Underway {
    pub(super) job: JobId,
    pub(super) arm: Arm,
    pub(super) began_at: Duration,
    pub(super) task: AbortHandle,
}

impl Underway {
    /// As it ended now.
    pub(super) fn made(&self, attempt: AttemptId, outcome: &'static str) -> MadeCall {
        let (arm, began_at) = (self.arm.clone(), self.began_at);
        MadeCall { attempt, arm, outcome, began_at, ended_at: since_1970() }
    }
}

/// A question that waits for the fleet to be known.
pub(super) struct Question {
    /// Until then at most; absent: as long as a dry run waits.
    pub(super) by: Option<Millis>,
    pub(super) asked: Asked,
}

pub(super) enum Asked {
    Decide(Box<Request>, oneshot::Sender<Decision>),
    Snapshot(oneshot::Sender<Snapshot>),
}
