//! Smart AI's core: decides which local model on which host answers a request best and soonest.
//!
//! No I/O, no clock, no randomness from outside, no threads: a driver feeds events with their time
//! and carries out effects. The one invariant: **after every `handle`, drain `poll_effect` to `None`,
//! then ask `poll_timeout` when to send [`Event::Tick`].**

mod classify;
mod config;
mod decision;
mod dispatch;
mod effect;
mod event;
mod failure;
mod fleet;
pub mod json;
mod learn;
mod lifecycle;
mod names;
mod number;
mod policy;
mod random;
mod range;
mod request;
mod snapshot;
mod text;
mod tuning;
pub mod wire;

pub use config::{Config, Floors, HostConfig, Limits, QualityConfig};
pub use decision::{
    Arm, Candidate, Comparison, Decision, DropCode, Dropped, Forecast, PlanReport, SignalAge, Terms,
};
pub use dispatch::Dispatcher;
pub use effect::{AttemptReport, CallOptions, Effect, Outcome, Phases, Source, Step};
pub use event::{
    Event, HostReport, HostState, ModelDetails, ModelState, ModelTag, Rating, ResidentModel, Sample,
    SignalName, SignalsState, Usage,
};
pub use failure::{DispatchError, DispatchErrorCode, Failure, FailureKind};
pub use fleet::Device;
pub use json::Object;
pub use learn::{
    Change, Demand, Estimate, Judged, Knowledge, Lengths, Lessons, LogMean, Qualities, Reliability, Subject,
};
pub use lifecycle::{
    Gaps, HabitSnapshot, LifecycleAction, LifecycleActionKind, LifecycleConfig, LifecycleHost, LifecycleMode,
    LifecycleModel, LifecycleReport, PowerState, PrepareState, Prepared, StartConfig,
};
pub use names::{AttemptId, HostId, JobId, Millis, ModelName, Shape};
pub use range::ConfigError;
pub use request::{Capability, Mode, Request, Task, Trial, Writing};
pub use snapshot::{HostSnapshot, ModelSnapshot, RememberedModel, Snapshot};
pub use tuning::{LookAhead, Tuning};
