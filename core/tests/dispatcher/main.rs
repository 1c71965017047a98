//! The dispatcher as a driver sees it: events in, effects out.

mod believing;
mod calling;
mod canary;
mod cascading;
mod choosing;
mod comparing;
mod context;
mod conversing;
mod embedding;
mod failing;
mod keeping;
mod looking;
mod managing;
mod powering;
mod preparing;
mod silence;
mod slots;
mod stale;
mod starting;
mod waiting;
mod waking;
mod world;
