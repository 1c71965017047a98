//! The `smart-ai` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(smart_ai::cli::run(std::env::args_os()))
}
