//! The sidecar: `/metrics` for Prometheus, and an Ollama-compatible proxy that measures and dispatches every client's requests.

mod api;
mod arriving;
mod bodies;
mod client;
mod clock;
mod dialect;
mod guard;
mod inventory;
mod listed;
mod listener;
mod measure;
mod metrics;
mod native;
mod object_text;
mod proxy;
mod socket;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use smart_ai_core::wire::FleetConfig;
use smart_ai_core::{ConfigError, HostId};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use guard::{Access, KeyError, Manage, Secret};

use crate::driver::Engine;
use crate::http::Server;
use crate::store::{History, HistoryConfig, HistoryError};
use crate::traces::{Traces, TracesConfig};
use bodies::Bodies;
use guard::{Guard, Keys};
use inventory::Inventory;
use metrics::{Metrics, exposition};
use native::Natives;
use proxy::Proxy;

/// Between two askings for what the dispatcher believes.
const BELIEF_EVERY: Duration = Duration::from_secs(2);

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
    /// Others could reach it, and nobody said they may.
    #[error("--{flag} {address}: other machines could reach it; listen on 127.0.0.1, or say --allow-remote")]
    Remote {
        /// Which listener.
        flag: &'static str,
        /// Where it would listen.
        address: SocketAddr,
    },
    /// Others could use the proxy, and nothing asks them for a key.
    #[error(
        "--proxy {address}: other machines could use it without a key; give one by --key-file or SMART_AI_KEY, or say --no-key"
    )]
    Keyless {
        /// Where it would listen.
        address: SocketAddr,
    },
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

/// A sidecar at work. It stops when `stop` is called.
#[derive(Debug)]
pub struct Serving {
    /// Where `/metrics` is.
    pub metrics: SocketAddr,
    /// Where the proxy is.
    pub proxy: SocketAddr,
    drain: Duration,
    engine: Engine,
    history: Option<History>,
    traces: Option<Traces>,
    keys: Arc<Keys>,
    stopping: CancellationToken,
    tasks: JoinSet<()>,
}

/// Starts both listeners.
///
/// # Errors
/// A configuration that is not right, or an address that cannot be had or may not be used.
pub async fn serve(config: &FleetConfig, options: &ServeOptions) -> Result<Serving, ServeError> {
    let access = &options.access;
    let keys = Arc::new(Keys::of(access)?);
    if !options.proxy.ip().is_loopback() && options.allow_remote && keys.is_empty() && !access.no_key {
        return Err(ServeError::Keyless { address: options.proxy });
    }
    let metrics_listener = listen("metrics", options.metrics, options.allow_remote).await?;
    let proxy_listener = listen("proxy", options.proxy, options.allow_remote).await?;
    let history = match &options.history {
        Some(history) => History::open(history).await?,
        None => None,
    };
    let traces = options.traces.as_ref().map(Traces::open).transpose()?.flatten();
    let natives = Arc::new(Natives::default());
    let proxy = Arc::new(proxy(config, options, &natives, history.as_ref(), traces.as_ref())?);
    let addresses = (address(&metrics_listener, options.metrics), address(&proxy_listener, options.proxy));
    let stopping = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(poll(Arc::clone(&proxy), options.poll, stopping.clone()));
    tasks.spawn(ask_for_metrics(proxy.hosts.clone(), natives, options.poll, stopping.clone()));
    tasks.spawn(ask_for_belief(Arc::clone(&proxy), stopping.clone()));
    let pages = Router::new()
        .route("/metrics", get(page))
        .route("/health", get(api::health))
        .route("/ready", get(api::ready))
        .with_state(Arc::clone(&proxy));
    let page_keys = if access.metrics_key { Arc::clone(&keys) } else { Arc::default() };
    let pages = Guard::new(access, page_keys, &["/health", "/ready"]).before(pages);
    tasks.spawn(listener::run(metrics_listener, pages, options.max_connections, stopping.clone()));
    let limited = from_fn_with_state(stopping.clone(), arriving::limited);
    let open = &["/smart-ai/health", "/smart-ai/ready"];
    let routes = proxy::routes(Arc::clone(&proxy)).layer(limited);
    let routes = Guard::new(access, Arc::clone(&keys), open).before(routes);
    tasks.spawn(listener::run(proxy_listener, routes, options.max_connections, stopping.clone()));
    if let Some(history) = &history {
        tasks.spawn(history.follow(proxy.engine.clone(), stopping.clone()));
    }
    let (metrics, proxy_address) = addresses;
    let engine = proxy.engine.clone();
    let drain = options.drain;
    Ok(Serving { metrics, proxy: proxy_address, drain, engine, history, traces, keys, stopping, tasks })
}

impl Serving {
    /// Reads the file of keys anew; one that is not right changes nothing.
    ///
    /// # Errors
    /// A file that cannot be read or holds no key.
    pub fn read_keys(&self) -> Result<(), KeyError> {
        self.keys.read_again()
    }

    /// Takes no more requests and lets those under way end, for as long as `drain` says; then cuts them. `false` where it had to.
    pub async fn stop(mut self) -> bool {
        self.stopping.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let drained = tokio::time::timeout(self.drain, all).await.is_ok();
        self.engine.close();
        if let Some(history) = self.history {
            history.close().await;
        }
        if let Some(traces) = self.traces {
            traces.close().await;
        }
        drained
    }
}

fn proxy(
    config: &FleetConfig,
    options: &ServeOptions,
    natives: &Arc<Natives>,
    history: Option<&History>,
    traces: Option<&Traces>,
) -> Result<Proxy, ServeError> {
    let fleet = config.split()?;
    let mut hosts = BTreeMap::new();
    for endpoint in &fleet.hosts {
        hosts.insert(endpoint.id.clone(), Server::new(endpoint, fleet.config.connect_timeout_ms)?);
    }
    let inventory = Arc::new(Inventory::new(hosts.keys().cloned()));
    let health = history.map(|history| history.health().clone()).unwrap_or_default();
    let sent = traces.map(|traces| traces.sent().clone()).unwrap_or_default();
    let metrics = Arc::new(Metrics::new(Arc::clone(&inventory), natives, &health, &sent));
    let mut watching = vec![Arc::clone(&metrics) as Arc<dyn crate::driver::Observer>];
    watching.extend(traces.map(Traces::observer));
    let engine = History::engine(history, config, watching)?;
    let first = fleet.hosts.first().map_or_else(|| "".into(), |endpoint| endpoint.id.clone());
    let bodies = Bodies::new(options.max_body, options.max_bodies);
    Ok(Proxy { engine, hosts, first, inventory, metrics, lookup: proxy::Lookup::default(), bodies })
}

async fn listen(
    flag: &'static str,
    address: SocketAddr,
    allow_remote: bool,
) -> Result<TcpListener, ServeError> {
    if !address.ip().is_loopback() && !allow_remote {
        return Err(ServeError::Remote { flag, address });
    }
    TcpListener::bind(address).await.map_err(|source| ServeError::Address { flag, address, source })
}

fn address(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}

async fn page(State(proxy): State<Arc<Proxy>>, headers: HeaderMap) -> Response<Body> {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Ok(page) = exposition(&proxy.metrics, accept) else {
        let mut response = Response::new(Body::from("a metric could not be written"));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return response;
    };
    let mut response = Response::new(Body::from(page.text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(page.content_type));
    response
}

/// Looks at every host now and then, so that a scrape need not.
async fn poll(proxy: Arc<Proxy>, every: Duration, stopping: CancellationToken) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = ticks.tick() => proxy.engine.look(),
        }
    }
}

/// Asks the hosts for metrics of their own.
async fn ask_for_metrics(
    hosts: BTreeMap<HostId, Server>,
    natives: Arc<Natives>,
    every: Duration,
    stopping: CancellationToken,
) {
    tokio::select! {
        () = stopping.cancelled() => {}
        () = native::watch(hosts, natives, every) => {}
    }
}

async fn ask_for_belief(proxy: Arc<Proxy>, stopping: CancellationToken) {
    let mut ticks = tokio::time::interval(BELIEF_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            snapshot = proxy.engine.snapshot() => match snapshot {
                Ok(snapshot) => proxy.metrics.believes(snapshot),
                Err(_) => return,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use serde_json::{Value, json};
    use smart_ai_sim::{Config, FakeOllama, ModelConfig};

    use super::*;

    async fn ready(address: SocketAddr, path: &str) -> Result<(u16, Value), Box<dyn Error>> {
        let response = reqwest::get(format!("http://{address}{path}")).await?;
        let status = response.status().as_u16();
        Ok((status, serde_json::from_str(&response.text().await?)?))
    }

    #[tokio::test]
    async fn a_sidecar_whose_engine_has_ended_is_not_ready_though_its_hosts_are() -> Result<(), Box<dyn Error>>
    {
        let host =
            FakeOllama::start(Config { models: vec![ModelConfig::named("m")], ..Config::default() }).await?;
        let config =
            FleetConfig::from_json(&json!({ "hosts": [{ "id": "pc", "url": host.url() }] }).to_string())?;
        let any = "127.0.0.1:0".parse()?;
        let options = ServeOptions {
            metrics: any,
            proxy: any,
            allow_remote: false,
            max_body: 1 << 20,
            max_bodies: 1 << 24,
            access: Access::default(),
            max_connections: 64,
            poll: Duration::from_millis(100),
            drain: Duration::from_secs(5),
            history: None,
            traces: None,
        };
        let serving = serve(&config, &options).await?;
        while ready(serving.metrics, "/ready").await?.0 != 200 {
            // Asked again as soon as it has answered: the first look is under way.
            serving.engine.snapshot().await.map_err(|error| error.message)?;
        }
        serving.engine.close();
        for (address, path) in [(serving.metrics, "/ready"), (serving.proxy, "/smart-ai/ready")] {
            let told = ready(address, path).await?;
            let expected = json!({ "ok": false, "engine": false, "up": ["pc"], "down": [] });
            assert_eq!(told, (503, expected));
        }
        serving.stop().await;
        Ok(())
    }
}
