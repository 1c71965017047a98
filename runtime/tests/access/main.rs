//! Hosts behind a reverse proxy: certificates, keys, path prefixes, redirects.
#![expect(clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod certificates;
#[path = "../metrics/server.rs"]
#[expect(dead_code, reason = "only its answers are needed here")]
mod http_server;
mod keys;
#[path = "../cli/program.rs"]
#[expect(dead_code, reason = "only runs of the program are needed here")]
mod program;
mod tls;

pub(crate) use program::Result;
