//! Smart AI for Node: core and runtime, values as JSON texts; the TypeScript facade gives them their types.
//! Nothing is decided here.

mod dispatcher;
mod engine;
mod value;
mod wire;

pub use dispatcher::Dispatcher;
pub use engine::{Cancel, Engine, cli};
pub use wire::*;
