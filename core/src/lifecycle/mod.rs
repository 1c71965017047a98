//! Which models are in memory when: loaded before they are asked for, and gone when nobody needs them.

mod config;
mod gaps;
mod habit;
mod holding;
mod prepared;
mod report;
mod rhythm;
mod start;
mod stay;

pub use config::{LifecycleConfig, LifecycleMode};
pub use gaps::Gaps;
pub use habit::HabitSnapshot;
pub(crate) use holding::{Holding, holding};
pub use prepared::{PrepareState, Prepared};
pub use report::{
    LifecycleAction, LifecycleActionKind, LifecycleHost, LifecycleModel, LifecycleReport, PowerState,
};
pub(crate) use report::{duration, seconds};
pub(crate) use rhythm::{Expectation, Rhythm};
pub(crate) use start::START_RANGES;
pub use start::StartConfig;
pub(crate) use stay::{Absence, Stay};
