//! What a plan is made from: the calls and jobs at hand, and the choices among which it decides.

use crate::learn::Arrivals;
use crate::policy::backlog::Running;
use crate::request::Request;

/// What a plan is made from, beside the ranking.
#[derive(Clone, Copy)]
pub(crate) struct Outlook<'a> {
    pub(crate) arrivals: &'a Arrivals,
    /// The calls under way.
    pub(crate) calls: &'a [CallView<'a>],
    /// Other jobs that wait, in the order of the queue.
    pub(crate) waiting: &'a [&'a Request],
    pub(crate) seed: u64,
}

/// A call under way, and the host it is on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallView<'a> {
    pub(crate) position: usize,
    pub(crate) running: &'a Running,
}

/// An arm to take, by its place; `now` where it is to begin though the score would let others go first.
#[derive(Clone, Copy)]
pub(super) struct Choice {
    pub(super) arm: usize,
    pub(super) now: bool,
    /// Seconds of loading it asks for.
    pub(super) load_s: f64,
}
