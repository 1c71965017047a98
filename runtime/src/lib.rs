//! Carries out what core decides: talks to Ollama and Prometheus, keeps the history, and serves the proxy and its metrics.
//!
//! One task owns the dispatcher; everything else sends it messages. No rule lives here: what to call, when to
//! give up, and what an answer means is core's.

mod certificates;
pub mod cli;
mod config;
mod driver;
mod http;
mod power;
#[cfg(test)]
mod reference;
mod report;
mod screen;
mod serve;
mod store;
mod traces;
mod word;

pub use config::{ConfigFileError, Settings, Sources, load};
pub use driver::{AskOptions, Engine, KeptAnswer};
pub use serve::{Access, KeyError, Manage, Secret, ServeError, ServeOptions, Serving, serve};
pub use smart_ai_core::wire::{Answer, Ask, FleetConfig};
pub use smart_ai_core::{
    ConfigError, Decision, DispatchError, DispatchErrorCode, LifecycleReport, Prepared, Snapshot,
};
pub use store::{HistoryConfig, HistoryError, Keeping};
pub use traces::TracesConfig;
