//! How hosts are started and stopped: one driver for each means. Each does what it is told or says why not; when to do it is
//! core's to decide.

mod command;
mod container;
mod sablier;
mod wake;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use smart_ai_core::wire::{Fleet, HostStarter};
use smart_ai_core::{ConfigError, Failure, FailureKind, HostId};

use command::Command;
use container::Container;
use sablier::Sablier;
use wake::Machine;

/// A means to start and stop one host.
#[async_trait]
pub(crate) trait Power: Send + Sync + Debug {
    /// Starts the host. Ends once its container, command or server says that it runs; whether it answers is not asked here.
    ///
    /// # Errors
    /// Why it does not run.
    async fn start(&self) -> Result<(), Failure>;

    /// Stops the host, where that is allowed beyond doubt.
    ///
    /// # Errors
    /// Why it was not stopped.
    async fn stop(&self) -> Result<(), Failure>;

    /// How often a session is renewed while the host is in use; `None` if nothing else would stop it.
    fn renew_every(&self) -> Option<Duration> {
        None
    }
}

/// The means of every host that can be started.
pub(crate) type Powers = BTreeMap<HostId, Arc<dyn Power>>;

/// # Errors
/// A means that cannot be used, by its key.
pub(crate) fn powers(fleet: &Fleet) -> Result<Powers, ConfigError> {
    let means = fleet.starters.iter().map(|(id, starter)| Ok((id.clone(), power(id, starter, fleet)?)));
    means.collect()
}

fn power(id: &HostId, starter: &HostStarter, fleet: &Fleet) -> Result<Arc<dyn Power>, ConfigError> {
    let stop = starter.stop_command.as_deref().and_then(Command::of);
    if let Some(name) = &starter.container {
        return Ok(Arc::new(Container::new(name, starter.engine.as_deref())));
    }
    if let Some(start) = starter.command.as_deref().and_then(Command::of) {
        return Ok(Arc::new(command::Commands { start, stop }));
    }
    if let (Some(url), Some(group)) = (&starter.sablier, &starter.group) {
        let start =
            fleet.config.hosts.iter().find(|host| host.id == *id).and_then(|host| host.start.as_ref());
        let ready_s = start.cloned().unwrap_or_default().ready_timeout_s.into();
        return Ok(Arc::new(Sablier::new(id, (url, group), ready_s, fleet.config.connect_timeout_ms)?));
    }
    if let Some(address) = &starter.wake {
        return Ok(Arc::new(Machine::new(address, starter.broadcast.as_deref(), stop)?));
    }
    Err(ConfigError::new(format!("{id}: start"), "name one of container, command, sablier and wake"))
}

/// A failure that says what was not allowed or cannot be.
fn refused(detail: impl AsRef<str>) -> Failure {
    Failure::new(FailureKind::BadRequest, detail.as_ref())
}

/// The failure of a container engine, command or server that should have done it.
fn failed(detail: impl AsRef<str>) -> Failure {
    Failure::new(FailureKind::ServerError, detail.as_ref())
}

/// Does one of the two within a time.
pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let late = || Failure::new(FailureKind::ConnectTimeout, "nothing came of it in time");
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(late()))
}
