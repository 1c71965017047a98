//! Which arm: hard filters first, then a score in seconds, one file per idea.

mod feasibility;
mod load;
mod quality;
mod queue;
mod rank;
mod reason;
mod refusal;
mod work;

pub(crate) use feasibility::Exclusions;
pub(crate) use load::load_rate;
pub(crate) use queue::Running;
pub(crate) use rank::{Ranking, rank};
pub(crate) use refusal::refusal;
pub(crate) use work::{learn_rates, rates, tokens_of_context};
