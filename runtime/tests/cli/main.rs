//! The program `smart-ai` against simulated hosts: what it prints, where, and how it exits.
#![expect(clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod answers;
mod batch;
mod bench;
mod endings;
mod fleet;
mod history;
#[path = "../metrics/server.rs"]
#[expect(dead_code, reason = "only its answers are needed here")]
mod metrics_server;
mod notes;
mod program;
mod simulate;
mod usage;

use program::Result;
