//! Which models are in memory when: loaded before they are asked for, and gone when nobody needs them.

mod config;
mod gaps;
mod holding;
mod prepared;
mod report;
mod rhythm;
mod stay;

pub use config::{LifecycleConfig, LifecycleMode};
pub(crate) use holding::{Holding, holding};
pub use prepared::{PrepareState, Prepared};
pub use report::{LifecycleAction, LifecycleActionKind, LifecycleModel, LifecycleReport};
pub(crate) use report::{duration, seconds};
pub(crate) use rhythm::{NEAR_MS, Rhythm};
pub(crate) use stay::{Absence, Stay};
