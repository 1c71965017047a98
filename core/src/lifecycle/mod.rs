//! Which models are in memory when: loaded before they are asked for, and gone when nobody needs them.

mod prepared;

pub use prepared::{PrepareState, Prepared};
