//! Who watches the driver at work: metrics, history, traces.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use smart_ai_core::wire::{Ask, Reply};
use smart_ai_core::{
    Arm, AttemptId, Decision, DispatchError, FailureKind, HostId, JobId, Knowledge, LifecycleAction, Outcome,
    Request,
};

use crate::http::TimedReply;

/// A call as it begins.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) arm: &'a Arm,
    pub(crate) request: &'a Request,
    pub(crate) decision: Option<&'a Decision>,
    /// The call of the same job that failed before it.
    pub(crate) failed: Option<&'a (Arm, FailureKind)>,
    /// How long the dispatcher computed over the event that led to it.
    pub(crate) computing: Duration,
}

/// What was asked and answered, where the driver itself read it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Texts<'a> {
    pub(crate) ask: Option<&'a Ask>,
    pub(crate) answer: Option<&'a str>,
}

/// A call that was made. Times are since 1970, by a clock that nobody sets.
#[derive(Clone, Debug)]
pub(crate) struct MadeCall {
    pub(crate) attempt: AttemptId,
    pub(crate) arm: Arm,
    /// `ok`, `cancelled`, or the failure's word.
    pub(crate) outcome: &'static str,
    pub(crate) began_at: Duration,
    pub(crate) ended_at: Duration,
}

/// A job that ended. Times as those of its calls.
#[derive(Debug)]
pub(crate) struct JobEnd<'a> {
    pub(crate) job: JobId,
    pub(crate) submitted_at: Duration,
    pub(crate) ended_at: Duration,
    pub(crate) request: &'a Request,
    pub(crate) outcome: &'a Outcome,
    pub(crate) error: Option<&'a DispatchError>,
    pub(crate) decision: Option<&'a Decision>,
    pub(crate) texts: Texts<'a>,
    /// Every call, in the order in which they ended.
    pub(crate) calls: &'a [MadeCall],
    /// The trace its client says it belongs to.
    pub(crate) traceparent: Option<&'a str>,
}

/// One look at one endpoint of a host, each with its name.
pub(crate) type Looks<'a> = [(&'static str, &'a TimedReply); 3];

/// Is told what the driver does, on the driver's own task: returns at once.
pub(crate) trait Observer: Debug + Send + Sync {
    /// A job waits for an arm.
    fn queued(&self, _request: &Request) {}
    /// It waits no longer.
    fn left_queue(&self, _request: &Request) {}
    /// A call begins.
    fn called(&self, _call: &Call<'_>) {}
    /// A call ended: `ok`, `cancelled`, or the failure's word.
    fn call_ended(&self, _arm: &Arm, _outcome: &str) {}
    /// A loaded model was asked for one token, to see whether its host works again.
    fn canary_ended(&self, _arm: &Arm, _outcome: &str) {}
    /// A job ended.
    fn ended(&self, _end: &JobEnd<'_>) {}
    /// A model was loaded or let go, or a host started or stopped, by itself, or would have been; told once that has ended.
    fn acted(&self, _action: &LifecycleAction) {}
    /// What it calls a job where others look for it.
    fn name(&self, _job: JobId) -> Option<String> {
        None
    }
    /// What has been learned until now; told now and then.
    fn learned(&self, _known: &Knowledge) {}
    /// What `theirs` learned since `base` has been added, and this is what the dispatcher knows now.
    fn absorbed(&self, _base: &Knowledge, _theirs: &Knowledge, _known: &Knowledge) {}
    /// The driver's task is over, and this is all it learned.
    fn stopped(&self, _known: &Knowledge) {}
    /// A host was looked at.
    fn looked(&self, _host: &HostId, _looks: Looks<'_>) {}
    /// The metrics server was asked.
    fn asked_metrics(&self, _reply: &Reply) {}
}

/// Every observer, told in turn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observers(Arc<[Arc<dyn Observer>]>);

impl Observers {
    pub(crate) fn new(observers: Vec<Arc<dyn Observer>>) -> Self {
        Self(observers.into())
    }

    pub(super) fn queued(&self, request: &Request) {
        self.each(|observer| observer.queued(request));
    }

    pub(super) fn left_queue(&self, request: &Request) {
        self.each(|observer| observer.left_queue(request));
    }

    pub(super) fn called(&self, call: &Call<'_>) {
        self.each(|observer| observer.called(call));
    }

    pub(super) fn call_ended(&self, arm: &Arm, outcome: &str) {
        self.each(|observer| observer.call_ended(arm, outcome));
    }

    pub(super) fn canary_ended(&self, arm: &Arm, outcome: &str) {
        self.each(|observer| observer.canary_ended(arm, outcome));
    }

    pub(super) fn ended(&self, end: &JobEnd<'_>) {
        self.each(|observer| observer.ended(end));
    }

    pub(super) fn acted(&self, action: &LifecycleAction) {
        self.each(|observer| observer.acted(action));
    }

    /// The name that some observer has for the job.
    pub(super) fn name(&self, job: JobId) -> Option<String> {
        self.0.iter().find_map(|observer| observer.name(job))
    }

    /// Whether there is no observer.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn learned(&self, known: &Knowledge) {
        self.each(|observer| observer.learned(known));
    }

    pub(super) fn absorbed(&self, base: &Knowledge, theirs: &Knowledge, known: &Knowledge) {
        self.each(|observer| observer.absorbed(base, theirs, known));
    }

    pub(super) fn stopped(&self, known: &Knowledge) {
        self.each(|observer| observer.stopped(known));
    }

    pub(super) fn looked(&self, host: &HostId, looks: Looks<'_>) {
        self.each(|observer| observer.looked(host, looks));
    }

    pub(super) fn asked_metrics(&self, reply: &Reply) {
        self.each(|observer| observer.asked_metrics(reply));
    }

    fn each(&self, tell: impl Fn(&dyn Observer)) {
        for observer in self.0.iter() {
            tell(observer.as_ref());
        }
    }
}
