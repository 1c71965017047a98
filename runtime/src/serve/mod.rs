//! The sidecar: `/metrics` for Prometheus, and an Ollama-compatible proxy that measures and dispatches every client's requests.

mod api;
mod bodies;
mod client;
mod clock;
mod dialect;
mod inventory;
mod listed;
mod measure;
mod metrics;
mod native;
mod object_text;
mod proxy;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::routing::get;
use smart_ai_core::wire::FleetConfig;
use smart_ai_core::{ConfigError, HostId};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::driver::Engine;
use crate::http::Server;
use crate::store::{History, HistoryConfig, HistoryError};
use crate::traces::{Traces, TracesConfig};
use bodies::Bodies;
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
    #[error(
        "--{flag} {address}: other machines could reach it, and there is no password; listen on 127.0.0.1, or say --allow-remote"
    )]
    Remote {
        /// Which listener.
        flag: &'static str,
        /// Where it would listen.
        address: SocketAddr,
    },
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
    stopping: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// Starts both listeners.
///
/// # Errors
/// A configuration that is not right, or an address that cannot be had or may not be used.
pub async fn serve(config: &FleetConfig, options: &ServeOptions) -> Result<Serving, ServeError> {
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
    let (stopping, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tasks.spawn(poll(Arc::clone(&proxy), options.poll, stopped.clone()));
    tasks.spawn(ask_for_metrics(proxy.hosts.clone(), natives, options.poll, stopped.clone()));
    tasks.spawn(ask_for_belief(Arc::clone(&proxy), stopped.clone()));
    let pages = Router::new()
        .route("/metrics", get(page))
        .route("/health", get(api::health))
        .route("/ready", get(api::ready))
        .with_state(Arc::clone(&proxy));
    tasks.spawn(run(metrics_listener, pages, stopped.clone()));
    let guarded = addresses.1.ip().is_loopback();
    tasks.spawn(run(proxy_listener, proxy::routes(Arc::clone(&proxy), guarded), stopped));
    if let Some(history) = &history {
        tasks.spawn(history.follow_ratings(proxy.engine.clone(), stopping.subscribe()));
    }
    let (metrics, proxy_address) = addresses;
    let engine = proxy.engine.clone();
    let drain = options.drain;
    Ok(Serving { metrics, proxy: proxy_address, drain, engine, history, traces, stopping, tasks })
}

impl Serving {
    /// Takes no more requests and lets those under way end, for as long as `drain` says; then cuts them. `false` where it had to.
    pub async fn stop(mut self) -> bool {
        self.stopping.send_replace(true);
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

async fn run(listener: TcpListener, router: Router, stopped: watch::Receiver<bool>) {
    use axum::serve::ListenerExt as _;
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let served = axum::serve(listener, router).with_graceful_shutdown(stop(stopped));
    // Accepting never ends in an error: axum tries again.
    drop(served.await);
}

async fn stop(mut stopped: watch::Receiver<bool>) {
    drop(stopped.wait_for(|stopped| *stopped).await);
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
async fn poll(proxy: Arc<Proxy>, every: Duration, stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let stop = stop(stopped);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = ticks.tick() => proxy.engine.look(),
        }
    }
}

/// Asks the hosts for metrics of their own.
async fn ask_for_metrics(
    hosts: BTreeMap<HostId, Server>,
    natives: Arc<Natives>,
    every: Duration,
    stopped: watch::Receiver<bool>,
) {
    tokio::select! {
        () = stop(stopped) => {}
        () = native::watch(hosts, natives, every) => {}
    }
}

async fn ask_for_belief(proxy: Arc<Proxy>, stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(BELIEF_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let stop = stop(stopped);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            () = &mut stop => return,
            snapshot = proxy.engine.snapshot() => match snapshot {
                Ok(snapshot) => proxy.metrics.believes(snapshot),
                Err(_) => return,
            },
        }
    }
}
