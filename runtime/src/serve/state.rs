//! What every request needs: one state for all routes.

use std::collections::BTreeMap;
use std::sync::Arc;

use smart_ai_core::wire::FleetConfig;
use smart_ai_core::{HostId, LifecycleMode};
use tokio::sync::watch;

use super::bodies::Bodies;
use super::host_metrics::HostMetrics;
use super::inventory::Inventory;
use super::lookup::Lookup;
use super::metrics::Metrics;
use super::options::{ServeError, ServeOptions};
use crate::driver::{Engine, Observer};
use crate::http::Server;
use crate::store::{History, Standing};
use crate::traces::Traces;

/// The state of a sidecar.
#[derive(Debug)]
pub(super) struct Sidecar {
    pub(super) engine: Engine,
    pub(super) hosts: BTreeMap<HostId, Server>,
    /// The first host of the configuration.
    pub(super) first: HostId,
    pub(super) inventory: Arc<Inventory>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) host_metrics: Arc<HostMetrics>,
    pub(super) lookup: Lookup,
    pub(super) bodies: Bodies,
    /// What it is among several of which one is ready; `None` where it is alone.
    pub(super) standing: Option<watch::Receiver<Standing>>,
}

impl Sidecar {
    /// Starts the engine of this fleet, observed by metrics, history and traces.
    ///
    /// # Errors
    /// A configuration that is not right.
    pub(super) fn start(
        config: &FleetConfig,
        options: &ServeOptions,
        history: Option<&History>,
        traces: Option<&Traces>,
    ) -> Result<Self, ServeError> {
        let fleet = config.split()?;
        let mut hosts = BTreeMap::new();
        for endpoint in &fleet.hosts {
            hosts.insert(endpoint.id.clone(), Server::new(endpoint, fleet.config.connect_timeout_ms)?);
        }
        let starts = fleet.config.lifecycle.mode == LifecycleMode::On;
        let startable = fleet.starters.keys().filter(|_| starts).cloned().collect();
        let inventory = Arc::new(Inventory::new(hosts.keys().cloned(), startable));
        let host_metrics = Arc::new(HostMetrics::default());
        let health = history.map(|history| history.health().clone()).unwrap_or_default();
        let sent = traces.map(|traces| traces.sent().clone()).unwrap_or_default();
        let metrics = Arc::new(Metrics::new(Arc::clone(&inventory), &host_metrics, &health, &sent));
        let mut observers = vec![Arc::clone(&metrics) as Arc<dyn Observer>];
        observers.extend(traces.map(Traces::observer));
        let engine = History::engine(history, config, observers)?;
        let first = fleet.hosts.first().map_or_else(|| "".into(), |endpoint| endpoint.id.clone());
        let bodies = Bodies::new(options.max_body, options.max_bodies);
        let lookup = Lookup::default();
        Ok(Self { engine, hosts, first, inventory, metrics, host_metrics, lookup, bodies, standing: None })
    }
}
