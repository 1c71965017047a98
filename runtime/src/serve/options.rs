//! How to serve, and why it cannot.

use std::net::SocketAddr;
use std::time::Duration;

use smart_ai_core::ConfigError;
use thiserror::Error;

use super::guard::{Access, KeyError};
use crate::store::{HistoryConfig, HistoryError};
use crate::traces::TracesConfig;

/// How to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Where `/metrics` listens; port 0 picks one.
    pub metrics: SocketAddr,
    /// Where the proxy listens; port 0 picks one.
    pub proxy: SocketAddr,
    /// Whether other machines may reach it.
    pub allow_remote: bool,
    /// Bytes one request may have; files for `create` are not counted.
    pub max_body: usize,
    /// Bytes all requests under way may have together.
    pub max_bodies: usize,
    /// Who gets in.
    pub access: Access,
    /// Connections each listener has at a time; more wait.
    pub max_connections: usize,
    /// Between two looks at each host.
    pub poll: Duration,
    /// Requests under way get this long to end when it stops.
    pub drain: Duration,
    /// Where decisions and outcomes are kept; `None`: nowhere.
    pub history: Option<HistoryConfig>,
    /// Where traces go; `None`: nowhere.
    pub traces: Option<TracesConfig>,
    /// Whether it is ready only while no other one of this history and fleet is.
    pub standby: bool,
}

/// Why it cannot serve.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The configuration is not right.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The history's place is not right.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// Other machines could reach it, and `allow_remote` is not set.
    #[error("--{flag} {address}: other machines could reach it; listen on 127.0.0.1, or add --allow-remote")]
    Remote {
        /// Which listener.
        flag: &'static str,
        /// Where it would listen.
        address: SocketAddr,
    },
    /// Others could use the proxy, and nothing asks them for a key.
    #[error(
        "--proxy {address}: other machines could use it without a key; give one by --key-file or SMART_AI_KEY, or add --no-key"
    )]
    Keyless {
        /// Where it would listen.
        address: SocketAddr,
    },
    /// The sidecars that take over from one another know of one another by a history on a server.
    #[error(
        "--standby: needs a history that all of them share; name one by --history postgres://… or SMART_AI_HISTORY"
    )]
    Standby,
    /// The keys cannot be had.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The address cannot be had.
    #[error("--{flag} {address}: {source}; is it running already? name another, or port 0 for any")]
    Address {
        /// Which listener.
        flag: &'static str,
        /// Where it would listen.
        address: SocketAddr,
        /// The system's words.
        source: std::io::Error,
    },
}
