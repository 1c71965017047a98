//! One call of one arm, by the phase it is in.

use crate::names::{HostId, JobId, Millis, ModelName};
use crate::policy::Running;

#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) job: JobId,
    /// The job has moved on to another arm; this call only finishes its load.
    pub(super) detached: bool,
    pub(super) host: HostId,
    pub(super) host_position: usize,
    pub(super) model: ModelName,
    pub(super) context_tokens: u32,
    pub(super) began: Millis,
    pub(super) phase: Phase,
    pub(super) running: Running,
    /// It found its model not loaded, so that its load time teaches.
    pub(super) cold: bool,
    /// Nobody else was loading on the host when it began.
    pub(super) alone: bool,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Phase {
    /// Until the first piece; by this time at the latest.
    BeforeFirstToken { by: Millis },
    /// Pieces come; the next one by this time at the latest.
    Answering { first_token: Millis, next_by: Millis },
}

impl Attempt {
    pub(super) fn wake_at(&self) -> Option<Millis> {
        if self.detached {
            return None;
        }
        Some(match self.phase {
            Phase::BeforeFirstToken { by } => by,
            Phase::Answering { next_by, .. } => next_by,
        })
    }

    pub(super) fn elapsed_ms(&self, now: Millis) -> u64 {
        now.since(self.began)
    }
}
