//! What every idea of the decision reads: configuration, beliefs and the moment.

use crate::config::Config;
use crate::decision::DropCode;
use crate::failure::Failure;
use crate::fleet::{Fleet, Host, Model};
use crate::learn::Lengths;
use crate::names::Millis;
use crate::policy::backlog::Backlog;

/// What the score is computed from.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) config: &'a Config,
    pub(crate) fleet: &'a Fleet,
    pub(crate) lengths: &'a Lengths,
    /// What each host has to do, by position.
    pub(crate) backlogs: &'a [Backlog],
    pub(crate) metrics: Metrics<'a>,
    pub(crate) now: Millis,
    /// Signals older than this are stale.
    pub(crate) stale_ms: u64,
}

/// The position of a host, the host, the model where not all of the host is left out, and why.
pub(crate) type LeftOut<'a> = (usize, &'a Host, Option<&'a Model>, DropCode);

/// How it stands with the metrics server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Metrics<'a> {
    /// No metrics server is configured.
    Unused,
    /// It has been asked and has not answered yet.
    Awaited,
    /// Its last answer was none.
    Down(&'a Failure),
    Up,
}
