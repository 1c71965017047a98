//! The Ollama-compatible proxy: every client's requests, dispatched where they run a model, else passed through.

mod direct;
mod dispatch;
pub(super) mod fleet;
mod headers;
mod hosts;
mod inference;
mod lookup;
mod pass;
pub(super) mod route;
mod words;

pub(super) use dispatch::infer;
pub(super) use pass::{change, create, pass, send_file};
