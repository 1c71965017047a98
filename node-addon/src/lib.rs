//! Smart AI for Node: core and runtime, values as JSON texts; the TypeScript facade gives them their types.
//! Nothing is decided here.
#![expect(
    clippy::missing_errors_doc,
    clippy::needless_pass_by_value,
    reason = "what is thrown is documented once, in the TypeScript facade; the macro takes values"
)]

mod dispatcher;
mod engine;
mod value;
mod wire;

pub use dispatcher::Dispatcher;
pub use engine::{Cancel, Engine, cli};
pub use wire::*;
