//! A host that Sablier starts, and stops when its session is over: a session is asked for to start it, and again while it is in use.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use smart_ai_core::wire::{Endpoint, Reply};
use smart_ai_core::{ConfigError, Failure, HostId};

use super::{Power, failed};
use crate::http::{Server, look};

/// Seconds of one session. Sablier stops a host whose session is over, whatever is in flight.
const SESSION_S: u64 = 600;
/// Seconds that Sablier may wait until the host is ready.
const READY_S: u64 = 110;

/// One group of Sablier.
#[derive(Debug)]
pub(super) struct Sablier {
    server: Server,
    path: String,
}

impl Sablier {
    /// # Errors
    /// A server that cannot be called.
    pub(super) fn new(id: &HostId, url: &str, group: &str, connect_ms: u32) -> Result<Self, ConfigError> {
        let url = url.trim_end_matches('/').to_owned();
        let endpoint = Endpoint::new(format!("sablier of {id}").into(), url, BTreeMap::new());
        let group = utf8_percent_encode(group, NON_ALPHANUMERIC);
        let path = format!(
            "/api/strategies/blocking?group={group}&session_duration={SESSION_S}s&timeout={READY_S}s"
        );
        Ok(Self { server: Server::new(&endpoint, connect_ms)?, path })
    }
}

#[async_trait]
impl Power for Sablier {
    async fn start(&self) -> Result<(), Failure> {
        let reply: Reply = look(self.server.get(&self.path), Duration::from_secs(READY_S + 10)).await;
        match reply.body() {
            Ok(_) => Ok(()),
            Err(failure) => {
                let detail = format!("Sablier: {}: {}", failure.kind.as_str(), failure.detail);
                Err(Failure::new(failure.kind, &detail))
            }
        }
    }

    /// Its session ends by itself, as nothing renews it.
    async fn stop(&self) -> Result<(), Failure> {
        Err(failed("Sablier stops it when its session is over"))
    }

    fn renew_every(&self) -> Option<Duration> {
        Some(Duration::from_secs(SESSION_S / 3))
    }
}
