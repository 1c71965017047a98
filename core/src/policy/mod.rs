//! Which arm: hard filters first, then a score in seconds, one file per idea.

mod backlog;
mod deadline;
mod feasibility;
mod keep_alive;
mod load;
mod look_ahead;
mod notes;
mod plan;
mod quality;
mod rank;
mod reason;
mod record;
mod refusal;
mod score;
mod view;
mod work;

pub(crate) use backlog::{Backlog, Had, Running};
pub(crate) use feasibility::Exclusions;
pub(crate) use keep_alive::{keep_alive_s, value_per_gb};
pub(crate) use load::{Eviction, InMemory, is_cached, learn_load, load_s};
pub(crate) use look_ahead::{CallView, Outlook, plan};
pub(crate) use plan::Plan;
pub(crate) use quality::{Priors, qualities};
pub(crate) use rank::Ranked;
pub(crate) use record::{KEPT, Record};
pub(crate) use refusal::refusal;
pub(crate) use score::Scored;
pub(crate) use view::{Metrics, View};
pub(crate) use work::{
    DEFAULT_CONTEXT_TOKENS, Measured, Share, Shares, answer_context, learn_rates, tokens_of_context,
};
