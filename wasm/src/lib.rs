//! Smart AI's core for JavaScript: the same dispatcher and wire functions, values as plain objects.
//! Nothing is decided here.

mod dispatcher;
mod value;
mod wire;

pub use dispatcher::Dispatcher;
pub use wire::*;
