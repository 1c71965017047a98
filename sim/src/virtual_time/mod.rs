//! Policies compared on simulated hosts in virtual time: one truth (the [`fleet`], whose hosts run the scheduler that is checked against Ollama), the same jobs for all, regret against a clairvoyant.

mod competition;
mod draws;
pub mod fleet;
mod job;
mod measure;
pub mod plot;
pub mod policy;
mod scenario;
mod trace;
mod truth;
mod weeks;
mod workload;

pub use competition::{Competition, Progress, compete};
pub use job::{Ended, Job};
pub use measure::{Measures, Report};
pub use policy::Policy;
pub use scenario::{
    Arrivals, Blind, Class, Fault, FaultKind, ForeignLoad, Host, Model, Scenario, ScenarioError, SpeedChange,
    Tokens,
};
pub use trace::Row;
