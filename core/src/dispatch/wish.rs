//! The arm a job is meant for.

use crate::learn::Length;
use crate::names::ModelName;
use crate::policy::{Ranked, Scored};

/// The arm a waiting job wants, and what it would bring there.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Wish {
    pub(super) position: usize,
    pub(super) model: ModelName,
    pub(super) work_s: f64,
    pub(super) load_s: f64,
    pub(super) length: Length,
    /// No other host can serve it.
    pub(super) sure: bool,
}

impl Wish {
    pub(super) fn of(ranked: &Ranked<'_>, arm: &Scored<'_>) -> Self {
        Self {
            position: arm.position,
            model: arm.model.name.clone(),
            work_s: arm.terms.prefill_s + arm.terms.decode_s,
            load_s: arm.terms.load_s,
            length: ranked.length(arm),
            sure: ranked.arms.iter().all(|other| other.position == arm.position),
        }
    }
}
