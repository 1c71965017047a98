//! The program `smart-ai` against simulated hosts: what it prints, where, and how it exits.
#![expect(clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod answers;
mod batch;
mod bench;
mod endings;
mod fleet;
mod history;
mod program;
mod simulate;
mod usage;
