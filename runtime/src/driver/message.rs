//! What reaches the task that owns the dispatcher.

use std::sync::Arc;
use std::time::Duration;

use smart_ai_core::wire::Ask;
use smart_ai_core::{
    Arm, AttemptId, Decision, DispatchError, Event, Failure, JobId, Knowledge, LifecycleReport, Prepared,
    Request, Snapshot,
};
use tokio::sync::{mpsc, oneshot};

use super::KeptAnswer;
use super::relay::{Relay, RelayEnd};
use crate::http::Refusal;

/// One message.
#[derive(Debug)]
pub(super) enum Message {
    Ask {
        job: JobId,
        part_of: Option<JobId>,
        ask: Arc<Ask>,
        request: Request,
        pieces: Option<mpsc::UnboundedSender<String>>,
        reply: oneshot::Sender<KeptAnswer>,
    },
    /// An ask of many parts begins: each part counts as under way until it ends.
    PartsBegin(JobId),
    PartsEnd(JobId),
    Relay {
        job: JobId,
        relay: Arc<Relay>,
        request: Request,
        reply: oneshot::Sender<RelayEnd>,
    },
    /// Have a model in memory; `event` says which.
    Prepare {
        job: JobId,
        event: Event,
        reply: oneshot::Sender<Prepared>,
    },
    Refused {
        attempt: AttemptId,
        refusal: Refusal,
    },
    Decide {
        request: Request,
        reply: oneshot::Sender<Decision>,
    },
    Refusal {
        request: Request,
        decision: Box<Decision>,
        reply: oneshot::Sender<Option<DispatchError>>,
    },
    /// `within`: how long the fleet may take to be known; else as long as a dry run waits.
    Snapshot {
        within: Option<Duration>,
        reply: oneshot::Sender<Snapshot>,
    },
    Lifecycle(oneshot::Sender<LifecycleReport>),
    /// Answered at once.
    Echo(oneshot::Sender<()>),
    /// Add what `theirs` learned since `base`.
    Absorb {
        base: Box<Knowledge>,
        theirs: Box<Knowledge>,
    },
    /// Look at every host and at the metrics now.
    Look,
    Event(Event),
    Text {
        attempt: AttemptId,
        text: String,
    },
    /// Take no more asks; answered when the last job has ended.
    Drain(oneshot::Sender<()>),
    /// Answered with the loads that go on though nobody waits for them.
    Loading(oneshot::Sender<Vec<Arm>>),
    /// Answered when no call is under way.
    Loaded(oneshot::Sender<()>),
    Close,
}

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
