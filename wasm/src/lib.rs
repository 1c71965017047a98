//! Smart AI's core for JavaScript: the same dispatcher and wire functions, values as plain objects.
//! Nothing is decided here.
#![expect(
    clippy::missing_errors_doc,
    clippy::needless_pass_by_value,
    reason = "what is thrown is documented once, in the TypeScript facade; the macro takes values"
)]

mod call;
mod dispatcher;
mod value;
mod wire;

pub use call::*;
pub use dispatcher::Dispatcher;
pub use wire::*;
